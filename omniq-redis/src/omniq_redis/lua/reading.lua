-- reading: everything that is known of one task, as one flat list: id, blob, envelope, lease, parents, note, error, result
local function read(id, blob, payload, result)
  local a, b = byte(blob, 2, 3)
  local envelope = call('HGET', K .. 'p', id)
  if not payload then envelope = sub(envelope, 1, struct.unpack('>I4', envelope)) end
  return id, blob, envelope,
    sub(blob, 1, 1) == RUNNING and call('ZSCORE', K .. 'l', id) or '',
    band(a, PARENTS) > 0 and call('HGET', K .. 'h', id) or '',
    band(b, NOTE) > 0 and call('HGET', K .. 'n', id) or '',
    band(a, ERROR) > 0 and call('HGET', K .. 'e', id) or false,
    result and call('HGET', K .. 'r', id) or false
end
