-- get: read tasks.
-- KEYS   1 the project's prefix
-- ARGV   1 now   2 '1' with payload   3 '1' with result   then ids
-- Reply  for each: nil where it is unknown, else what `reading` gives
--include time
--include layout
--include reading
local reply = {}
for at = 4, #ARGV do
  local id = ARGV[at]
  local blob = call('HGET', K .. 's', id)
  reply[at - 3] = blob and {read(id, blob, ARGV[2] == '1', ARGV[3] == '1')}
end
return reply
