-- kv_list: read entries in order of their keys.
-- KEYS   1 the project's prefix
-- ARGV   1 now   2 namespace   3 limit   4 '1' to go on behind a key   5 that key
-- Reply  1 where there are more; then key, entry, ...
--include time
local from = ARGV[4] == '1' and '(' .. ARGV[5] or '-'
local keys = call('ZRANGEBYLEX', K .. 'vk:' .. ARGV[2], from, '+', 'LIMIT', 0, ARGV[3] + 1)
local reply = {0}
for n, key in ipairs(keys) do
  if n > tonumber(ARGV[3]) then
    reply[1] = 1
    break
  end
  reply[2 * n], reply[2 * n + 1] = key, call('HGET', K .. 'v:' .. ARGV[2], key)
end
return reply
