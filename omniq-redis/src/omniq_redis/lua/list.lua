-- list: a page of tasks, newest first by id; looks at a bounded number of them.
-- KEYS   1 the project's prefix
-- ARGV   1 now   2 limit   3 the id to go on below, '' for the highest   4 how many more to look at
--        5 states, '' for any   6 queue   7 name   8 tag   9 since (µs)   10 until (µs); '' for any
-- Reply  the id to go on below, '' at the end; then what `reading` gives, for each
--include time
--include layout
--include reading
local limit, most = tonumber(ARGV[2]), tonumber(ARGV[2]) + ARGV[4]
local from, reply, looked, last = ARGV[3] == '' and '+' or '(' .. ARGV[3], {''}, 0, ''
local since, before = tonumber(ARGV[9]), tonumber(ARGV[10])

local function fits(id, blob)
  if ARGV[5] ~= '' and not string.find(ARGV[5], sub(blob, 1, 1), 1, true) then return false end
  if ARGV[6] ~= '' and queue_of(blob) ~= ARGV[6] then return false end
  local created = micros(blob, 54)
  if (since and created < since) or (before and created >= before) then return false end
  if ARGV[7] == '' and ARGV[8] == '' then return true end
  local envelope = call('HGET', K .. 'p', id)
  local start, size = struct.unpack('>I4I2', envelope)
  if ARGV[7] ~= '' and sub(envelope, 7, 6 + size) ~= ARGV[7] then return false end
  -- The caller looks again: this finds the tag's text anywhere in the head.
  return ARGV[8] == '' or string.find(sub(envelope, 7 + size, start), ARGV[8], 1, true) ~= nil
end

while true do
  local ids = call('ZREVRANGEBYLEX', K .. 'i', from, '-', 'LIMIT', 0, 100)
  if #ids == 0 then return reply end
  for n, blob in ipairs(call('HMGET', K .. 's', unpack(ids))) do
    if #reply > limit or looked == most then
      reply[1] = last
      return reply
    end
    looked, last = looked + 1, ids[n]
    if fits(last, blob) then reply[#reply + 1] = {read(last, blob, false, false)} end
  end
  from = '(' .. last
end
