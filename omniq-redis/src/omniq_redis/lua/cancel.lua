-- cancel: cancel what waits, flag what runs.
-- KEYS   1 the project's prefix
-- ARGV   1 now   then ids
-- Reply  left over (0 or 1), then one word an id
--include time
--include layout
--include lining
--include ending
call('ZREM', K .. 'l', '') -- a deletion first: then the rest passes on a full server
local reply = {0}
for at = 2, #ARGV do
  local id, what = ARGV[at], 'finished'
  local blob = call('HGET', K .. 's', id)
  local state = blob and sub(blob, 1, 1)
  if not blob then
    what = 'missing'
  elseif state == RUNNING then
    call('HSET', K .. 's', id, flag(blob, 2, CANCEL))
    what = 'requested'
  elseif state <= READY then
    finish(id, blob, CANCELLED)
    tell_children()
    what = 'cancelled'
  elseif state == CANCELLED then
    what = 'cancelled'
  end
  reply[at] = what
end
if left_over then reply[1] = 1 end
publish()
keep_counts()
return reply
