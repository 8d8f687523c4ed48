-- resolve: go on telling children that their parent has ended, and letting parents go, where one call was not enough.
-- KEYS   1 the project's prefix
-- ARGV   1 now
-- Reply  left over (0 or 1)
--include time
--include layout
--include lining
--include ending
go_on()
publish()
keep_counts()
return math.min(call('EXISTS', K .. 'todo', K .. 'undo'), 1)
