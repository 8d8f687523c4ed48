-- reclaim: take over leases that are past, oldest first; nothing is counted.
-- KEYS   1 the project's prefix
-- ARGV   1 now   2 limit   3 lease (µs)   4 claim id (8 bytes)   5 worker
-- Reply  ids, blobs, envelopes without their payload, notes: id, note, ...
--include time
--include layout
call('ZREMRANGEBYSCORE', K .. 'a', '-inf', now)
if call('ZSCORE', K .. 'a', ARGV[4]) then return {{}, {}, {}, {}} end
local ids = call('ZRANGE', K .. 'l', '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[2])
if #ids == 0 then return {{}, {}, {}, {}} end
local states, leases, blobs, notes = {}, {}, {}, {}
for n, blob in ipairs(call('HMGET', K .. 's', unpack(ids))) do
  local id = ids[n]
  blob = sub(blob, 1, 7) .. ARGV[4] .. sub(blob, 16, byte(blob, 79)) .. ARGV[5]
  blobs[n] = blob
  states[2 * n - 1], states[2 * n] = id, blob
  leases[2 * n - 1], leases[2 * n] = now + ARGV[3], id
  if band(byte(blob, 3), NOTE) > 0 then
    notes[#notes + 1] = id
    notes[#notes + 1] = call('HGET', K .. 'n', id)
  end
end
call('HSET', K .. 's', unpack(states))
call('ZADD', K .. 'l', unpack(leases))
local envelopes = call('HMGET', K .. 'p', unpack(ids))
for n, envelope in ipairs(envelopes) do
  envelopes[n] = sub(envelope, 1, struct.unpack('>I4', envelope))
end
return {ids, blobs, envelopes, notes}
