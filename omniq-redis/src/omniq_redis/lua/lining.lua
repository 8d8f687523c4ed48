-- lining: into a queue and out of it; whoever puts something in sets the marker that wakes one worker
local function line_up(id, blob)
  local queue, prio, run_at = queue_of(blob), byte(blob, 78), micros(blob, 30)
  local member = sub(blob, 24, 29) .. id
  if run_at <= now then
    call('ZADD', K .. 'q:' .. queue, score_of(prio, run_at), member)
  else
    member = char(prio) .. member
    call('ZADD', K .. 'd:' .. queue, run_at, member)
    if call('ZRANGE', K .. 'd:' .. queue, 0, 0)[1] ~= member then return end
  end
  call('ZADD', K .. 'm:' .. queue, 0, '')
end

local function line_off(id, blob)
  local queue = queue_of(blob)
  local member = sub(blob, 24, 29) .. id
  if call('ZREM', K .. 'q:' .. queue, member) == 0 then
    call('ZREM', K .. 'd:' .. queue, sub(blob, 78, 78) .. member)
  end
end
