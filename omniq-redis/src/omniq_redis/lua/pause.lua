-- pause: stop or resume giving from queues; running tasks go on.
-- KEYS   1 the project's prefix
-- ARGV   1 now   2 '1' to stop   then queues
--include time
for at = 3, #ARGV do
  local queue = ARGV[at]
  call('HDEL', K .. 'z', queue) -- a deletion first: then the rest passes on a full server
  if ARGV[2] == '1' then
    call('HSET', K .. 'z', queue, now8)
  elseif call('EXISTS', K .. 'q:' .. queue, K .. 'd:' .. queue) > 0 then
    call('ZADD', K .. 'm:' .. queue, 0, '')
  end
end
return 0
