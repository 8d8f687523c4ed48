-- time: the store's clock, µs; ARGV[1] replaces it in tests
local call, sub, byte, char, pack = redis.call, string.sub, string.byte, string.char, struct.pack
local K = KEYS[1]
local now = tonumber(ARGV[1])
if not now then
  local t = call('TIME')
  now = t[1] * 1000000 + t[2]
end
local now8 = pack('>I8', now)
