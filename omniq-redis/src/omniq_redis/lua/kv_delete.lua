-- kv_delete: remove one entry by compare-and-set.
-- KEYS   1 the project's prefix
-- ARGV   1 now   2 namespace   3 key   4 expected version, -1 for any
-- Reply  1 where it is gone, 0 where the expected version missed
--include time
local H, expect = K .. 'v:' .. ARGV[2], tonumber(ARGV[4])
local found = call('HGET', H, ARGV[3])
if not found then return 1 end
local version = struct.unpack('>I8', found)
if expect >= 0 and expect ~= version then return 0 end
call('HDEL', H, ARGV[3])
call('ZREM', K .. 'vk:' .. ARGV[2], ARGV[3])
call('ZREM', K .. 'vd:' .. ARGV[2], ARGV[3])
return 1
