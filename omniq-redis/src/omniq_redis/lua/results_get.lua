-- results_get: read results of attempts.
-- KEYS   1 the project's prefix
-- ARGV   1 now   then fences
-- Reply  now, then the stored ones; nil where it is unknown or past its keep
--include time
local reply = {now}
for n, one in ipairs(call('HMGET', K .. 'or', unpack(ARGV, 2))) do
  reply[n + 1] = one and struct.unpack('>I8', one) > now and one
end
return reply
