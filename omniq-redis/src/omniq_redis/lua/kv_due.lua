-- kv_due: read entries whose time is past, earliest first.
-- KEYS   1 the project's prefix
-- ARGV   1 now   2 namespace   3 limit
-- Reply  µs to the next that is not among them, -1 for none; then key, entry, ...
--include time
local D = K .. 'vd:' .. ARGV[2]
local keys = call('ZRANGE', D, '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[3])
local reply, following = {-1}, call('ZRANGE', D, #keys, #keys, 'WITHSCORES')[2]
if following then reply[1] = math.max(0, following - now) end
for n, key in ipairs(keys) do
  reply[2 * n], reply[2 * n + 1] = key, call('HGET', K .. 'v:' .. ARGV[2], key)
end
return reply
