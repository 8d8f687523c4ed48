-- delete: remove finished tasks.
-- KEYS   1 the project's prefix
-- ARGV   1 now   then ids
-- Reply  one word an id
--include time
--include layout
--include lining
--include ending
--include removing
local reply = {}
for at = 2, #ARGV do
  local id = ARGV[at]
  local blob, what = call('HGET', K .. 's', id), 'deleted'
  if not blob then
    what = 'missing'
  elseif sub(blob, 1, 1) <= RUNNING then
    what = 'live'
  elseif is_needed(id) then
    what = 'needed'
  else
    remove(id, blob)
  end
  reply[at - 1] = what
end
keep_counts()
forget_queues()
return reply
