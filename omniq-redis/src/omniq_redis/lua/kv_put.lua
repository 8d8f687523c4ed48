-- kv_put: write one entry by compare-and-set. An entry is version (8), due + 1 (8, 0 for none), value.
-- KEYS   1 the project's prefix
-- ARGV   1 now   2 namespace   3 key   4 expected version, -1 for any   5 due (µs) or ''   6 value
-- Reply  the version, 0 where the expected one missed
--include time
local H, due = K .. 'v:' .. ARGV[2], tonumber(ARGV[5])
local rest = pack('>I8', due and due + 1 or 0) .. ARGV[6]
local found, expect, version = call('HGET', H, ARGV[3]), tonumber(ARGV[4]), 0
if found then
  version = struct.unpack('>I8', found)
  if expect ~= version and sub(found, 9) == rest then return version end -- our own lost reply
end
if expect >= 0 and expect ~= version then return 0 end
call('HSET', H, ARGV[3], pack('>I8', version + 1) .. rest)
call('ZADD', K .. 'vk:' .. ARGV[2], 0, ARGV[3])
if due then
  call('ZADD', K .. 'vd:' .. ARGV[2], due, ARGV[3])
else
  call('ZREM', K .. 'vd:' .. ARGV[2], ARGV[3])
end
return version + 1
