-- extend: renew the leases of one worker.
-- KEYS   1 the project's prefix
-- ARGV   1 now   2 lease (µs)   then for each hold: id (16), attempt (4), claim (8), 'n' where a note comes; the note
-- Reply  only what did not go as asked: index, 'lost' or 'cancel', ...
-- A lease never gets shorter. One that ran out is renewed as long as nobody took the task over.
--include time
--include layout
call('ZREM', K .. 'l', '') -- a deletion first: then the rest passes on a full server
local reply, leases, until_ = {}, {}, now + ARGV[2]
for at = 3, #ARGV, 2 do
  local hold = ARGV[at]
  local id = sub(hold, 1, 16)
  local blob = call('HGET', K .. 's', id)
  if not blob or sub(blob, 1, 1) ~= RUNNING or sub(blob, 4, 15) ~= sub(hold, 17, 28) then
    reply[#reply + 1] = (at - 3) / 2
    reply[#reply + 1] = 'lost'
  else
    leases[#leases + 1] = until_
    leases[#leases + 1] = id
    if #hold > 28 then
      local has = ARGV[at + 1] ~= ''
      local b = byte(blob, 3)
      if has then call('HSET', K .. 'n', id, ARGV[at + 1]) else call('HDEL', K .. 'n', id) end
      if has ~= (band(b, NOTE) > 0) then
        call('HSET', K .. 's', id, sub(blob, 1, 2) .. char(bit.bxor(b, NOTE)) .. sub(blob, 4))
      end
    end
    if byte(blob, 2) % 2 == 1 then
      reply[#reply + 1] = (at - 3) / 2
      reply[#reply + 1] = 'cancel'
    end
  end
end
if #leases > 0 then call('ZADD', K .. 'l', 'GT', unpack(leases)) end
return reply
