-- resolve: go on telling children that their parent has ended, where one call was not enough.
-- KEYS   1 the project's prefix
-- ARGV   1 now
-- Reply  left over (0 or 1)
--include time
--include layout
--include lining
--include ending
for _, parent in ipairs(call('ZRANGE', K .. 'todo', 0, 9)) do
  call('ZREM', K .. 'todo', parent)
  parents_ended[#parents_ended + 1] = parent
end
tell_children()
publish()
keep_counts()
return call('EXISTS', K .. 'todo')
