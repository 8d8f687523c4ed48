-- layout: the keys of a project, and the state blob of a task by place
-- s hash id -> blob         p hash id -> envelope      r, e, n hash id -> result, error, note
-- q:<queue> zset ready and due, member seq+id          d:<queue> zset delayed, score run_at, member prio+seq+id
-- l zset id, lease_until    f zset id, keep_until      x zset id, expires_at      i zset of all ids, by lex
-- u hash key -> id, epoch, until, ends                 w zset key, ends of its window
-- h hash id -> parents      kc, ko zset parent+child: of live children, of those that miss this parent
-- k hash id -> parents missed     todo zset of ended parents whose children are not all told
-- undo zset of ended children that still hold parents, score: from which place of its list
-- c hash of counts by state and queue ('n': tasks ever made there)     z hash of paused queues
-- a zset claim id, until when it gives nothing         m:<queue> zset, the wake-up marker
--
--  1 state   2 flags A   3 flags B   4 attempt(4)   8 claim(8)   16 failures 18 crashes 20 releases 22 snoozes
-- 24 seq(6)  30 run_at   38 finished_at   46 started_at   54 created_at   62 enqueued_at   70 expires_at (8 each)
-- 78 9-prio  79 length without worker   80 keep   88 ttl+1, 0 for none   96 epoch(2)   98 reason
-- 99 digest: length, 16 bytes, mixed with the id   116 queue: length, text   then of a unique task key(16), until   then worker
local WAITING, READY, RUNNING, SUCCEEDED, FAILED, CANCELLED, EXPIRED, SKIPPED = '0', '1', '2', '3', '4', '5', '6', '7'
local CANCEL, CHILDREN, PARENTS, WATCHED, ERROR = 1, 2, 4, 8, 16
local EXPIRES, UNIQUE, CLAIMED, NOTE, ON_FAIL, ON_RUN = 1, 2, 4, 8, 16, 32
local PARENT_FAILED, TOMBSTONE = 5, 600000000
local band, bor, unpack8 = bit.band, bit.bor, struct.unpack

local function micros(blob, at)
  return (unpack8('>I8', blob, at))
end

local function queue_of(blob)
  return sub(blob, 117, 116 + byte(blob, 116))
end

local function score_of(prio, run_at)
  local since = run_at - 1735689600000000
  return prio * 900000000000000 + (since > 0 and since or 0)
end

local function flag(blob, place, bits)
  local old = byte(blob, place)
  return sub(blob, 1, place - 1) .. char(bor(old, bits)) .. sub(blob, place + 1)
end

local counted = {}
local function count(state, queue, by)
  local field = state .. queue
  counted[field] = (counted[field] or 0) + by
end

local function keep_counts()
  for field, by in pairs(counted) do
    if by ~= 0 then call('HINCRBY', K .. 'c', field, by) end
  end
end
