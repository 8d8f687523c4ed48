-- results_put: write results of attempts. A stored one is until (8), 'v' or 'e', the bytes.
-- KEYS   1 the project's prefix
-- ARGV   1 now   then for each: fence (28), keep (µs), 'v' or 'e', bytes
--include time
local rows, ends, fences = {}, {}, {}
for at = 2, #ARGV, 4 do
  local until_ = now + ARGV[at + 1]
  local n = #rows
  rows[n + 1], rows[n + 2] = ARGV[at], pack('>I8', until_) .. ARGV[at + 2] .. ARGV[at + 3]
  ends[n + 1], ends[n + 2] = until_, ARGV[at]
  fences[#fences + 1] = ARGV[at]
end
call('HSET', K .. 'or', unpack(rows))
call('ZADD', K .. 'ox', unpack(ends))
call('PUBLISH', K .. 'put', table.concat(fences))
return 0
