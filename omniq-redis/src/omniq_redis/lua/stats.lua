-- stats: count queues.
-- KEYS   1 the project's prefix
-- ARGV   1 now   then queues
-- Reply  for each: queue, ready, µs since the oldest of them became eligible or -1, paused (0 or 1),
--        then the counts of the states but ready in their order
--include time
--include layout
local queues = {unpack(ARGV, 2)}
local reply = {}
for at, queue in ipairs(queues) do
  local q, d, oldest = K .. 'q:' .. queue, K .. 'd:' .. queue, nil
  for prio = 0, 9 do
    local first = call('ZRANGE', q, score_of(prio, 0), '(' .. score_of(prio + 1, 0), 'BYSCORE', 'LIMIT', 0, 1)[1]
    if first then
      local run_at = micros(call('HGET', K .. 's', sub(first, 7)), 30)
      if not oldest or run_at < oldest then oldest = run_at end
    end
  end
  local late = tonumber(call('ZRANGE', d, 0, 0, 'WITHSCORES')[2])
  if late and late <= now and not (oldest and oldest < late) then oldest = late end
  local row = {queue, call('ZCARD', q) + call('ZCARD', d), oldest and now - oldest or -1, call('HEXISTS', K .. 'z', queue)}
  local fields = {}
  for n, state in ipairs({WAITING, RUNNING, SUCCEEDED, FAILED, CANCELLED, EXPIRED, SKIPPED}) do
    fields[n] = state .. queue
  end
  for _, many in ipairs(call('HMGET', K .. 'c', unpack(fields))) do row[#row + 1] = tonumber(many or 0) end
  reply[at] = row
end
return reply
