-- results_drop: remove results: those that are named, or up to a limit those past their keep.
-- KEYS   1 the project's prefix
-- ARGV   1 now   2 limit, 0 where fences are named   then fences
-- Reply  how many were past their keep
--include time
local fences = {unpack(ARGV, 3)}
if ARGV[2] ~= '0' then fences = call('ZRANGE', K .. 'ox', '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[2]) end
if #fences == 0 then return 0 end
call('HDEL', K .. 'or', unpack(fences))
call('ZREM', K .. 'ox', unpack(fences))
return #fences
