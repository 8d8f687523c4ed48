-- watch: say which tasks have ended or are unknown; where none has, ask for a message at their end.
-- KEYS   1 the project's prefix
-- ARGV   1 now   2 '1' to ask   then ids
-- Reply  places of those, from 0
--include time
--include layout
local reply, live = {}, {}
for at = 3, #ARGV do
  local blob = call('HGET', K .. 's', ARGV[at])
  if not blob or sub(blob, 1, 1) >= SUCCEEDED then
    reply[#reply + 1] = at - 3
  elseif band(byte(blob, 2), WATCHED) == 0 then
    live[#live + 1] = ARGV[at]
    live[#live + 1] = flag(blob, 2, WATCHED)
  end
end
if #reply == 0 and #live > 0 and ARGV[2] == '1' then
  call('ZREM', K .. 'l', '') -- a deletion first: then the rest passes on a full server
  call('HSET', K .. 's', unpack(live))
end
return reply
