import { MOST_WINDOWS_OF_DEBT, SLOTS } from '../memory/sliding-window.ts';
import { epochLua } from './epoch-script.ts';

// The rules are those of SlidingWindow, by Redis' clock; one property test holds both against the same model.
// A subject has two keys: its counts, packed, and its leases by the time at which they expire. All subjects of a decision
// are in one slot of a cluster. Absent limits are -1.

const common = `
local SLOTS = ${SLOTS}
local clock = redis.call('TIME')
local now = clock[1] * 1000 + clock[2] / 1000

local function slotAt(window) return math.floor(now * SLOTS / window) end
local function endOf(slot, window) return (slot + SLOTS + 1) * window / SLOTS end

-- Counts of one measure: their sum, the first slot, the last one and its count; the others are packed by themselves, and
-- opened only where they are needed, which is once a slot and for what was reserved in an earlier one.
local function unpacked(counts)
  if counts.list == nil then
    counts.list = counts.packed and cmsgpack.unpack(counts.packed) or {}
    if counts.last then
      counts.list[#counts.list + 1] = counts.last
      counts.list[#counts.list + 1] = counts.lastCount
    end
  end
  return counts.list
end

local function pack(counts)
  local list = counts.list
  if list then
    counts.lastCount, counts.last = table.remove(list), table.remove(list)
    counts.first = list[1] or counts.last
    counts.packed = #list > 0 and cmsgpack.pack(list) or nil
    counts.list = nil
  end
  return { counts.window, counts.sum, counts.first or 0, counts.last or 0, counts.lastCount or 0, counts.packed or '' }
end

-- What is older than the window is left out. Counts of another window's length mean nothing in this one.
local function prune(stored, window)
  local counts = { sum = 0, window = window }
  if stored == nil or stored[1] ~= window or stored[2] == 0 then return counts end
  counts.sum, counts.first, counts.last, counts.lastCount = stored[2], stored[3], stored[4], stored[5]
  if stored[6] ~= '' then counts.packed = stored[6] end
  local oldest = slotAt(window) - SLOTS
  if counts.first >= oldest then return counts end
  local kept, list = {}, unpacked(counts)
  counts.sum = 0
  for i = 1, #list, 2 do
    if list[i] >= oldest then
      kept[#kept + 1] = list[i]
      kept[#kept + 1] = list[i + 1]
      counts.sum = counts.sum + list[i + 1]
    end
  end
  counts.list = kept
  if #kept == 0 then counts.first, counts.last, counts.lastCount, counts.packed = nil, nil, nil, nil end
  return counts
end

local function open(key, requestWindow, tokenWindow, costWindow)
  local raw = redis.call('GET', key)
  local state = raw and cmsgpack.unpack(raw) or {}
  local account = { key = key, pace = state.p or 0 }
  if requestWindow > 0 then account.requests = prune(state.r, requestWindow) end
  if tokenWindow > 0 then account.tokens = prune(state.t, tokenWindow) end
  if costWindow > 0 then account.budget = prune(state.b, costWindow) end
  return account
end

local function lastOf(counts)
  if counts.list then return counts.list[#counts.list - 1] end
  return counts.last
end

local function reset(counts)
  if counts == nil or counts.sum == 0 then return 0 end
  return math.max(0, endOf(lastOf(counts), counts.window) - now)
end

local function save(account)
  local lives = math.max(reset(account.requests), reset(account.tokens), reset(account.budget), account.pace - now)
  if lives <= 0 then
    redis.call('DEL', account.key)
    return
  end
  local state = { p = account.pace }
  if account.requests then state.r = pack(account.requests) end
  if account.tokens then state.t = pack(account.tokens) end
  if account.budget then state.b = pack(account.budget) end
  redis.call('SET', account.key, cmsgpack.pack(state), 'PX', math.ceil(lives))
end

local function add(counts, slot, amount)
  if amount <= 0 then return end
  counts.sum = counts.sum + amount
  if counts.list == nil and counts.last == slot then
    counts.lastCount = counts.lastCount + amount
    return
  end
  local list = unpacked(counts)
  local i = #list - 1
  while i >= 1 and list[i] > slot do i = i - 2 end
  if i >= 1 and list[i] == slot then
    list[i + 1] = list[i + 1] + amount
  else
    table.insert(list, i + 2, slot)
    table.insert(list, i + 3, amount)
  end
end

-- Takes back what was counted in a slot, if it still counts.
local function refund(counts, slot, amount)
  if amount <= 0 then return end
  if counts.list == nil and counts.last == slot then
    local taken = math.min(amount, counts.lastCount)
    counts.lastCount, counts.sum = counts.lastCount - taken, counts.sum - taken
    return
  end
  local list = unpacked(counts)
  for i = #list - 1, 1, -2 do
    if list[i] == slot then
      local taken = math.min(amount, list[i + 1])
      list[i + 1], counts.sum = list[i + 1] - taken, counts.sum - taken
      return
    end
  end
end

-- What the quota has no room for is debt, in slots of the windows to come.
local function charge(counts, quota, amount)
  local slot = slotAt(counts.window)
  local fits = math.min(amount, math.max(0, quota - counts.sum))
  add(counts, slot, fits)
  local debt, list = amount - fits, unpacked(counts)
  local furthest = slot + ${MOST_WINDOWS_OF_DEBT} * (SLOTS + 1)
  local last = math.max(slot, list[#list - 1] or slot)
  if debt > 0 and last > slot then
    local topped = math.min(debt, math.max(0, quota - list[#list]))
    add(counts, last, topped)
    debt = debt - topped
  end
  while debt > 0 and quota > 0 and last + SLOTS + 1 <= furthest do
    last = last + SLOTS + 1
    local part = math.min(debt, quota)
    add(counts, last, part)
    debt = debt - part
  end
end

-- Leases of a subject; those that expired are looked for only where they would be in the way.
local function leases(key, limit)
  local count = redis.call('ZCARD', key)
  if count < limit then return count end
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  return redis.call('ZCARD', key)
end
`;

/**
 * KEYS: counts and leases of each subject; then nonce and epoch, where there is a claim. ARGV: tokens, cost, lease, its life
 * in ms; when the claim was issued, its window and the epoch's guard in ms, or -1 without one; then for each subject
 * requests, their window, burst, tokens, their window, concurrent, budget, its window. Returns 1 for an admitted call, 0 for
 * one over a limit, -1 and -2 for a claim that is refused, and nothing more then; for each subject used and reset of
 * requests, tokens and budget, the slots of its tokens and cost; then subject, measure (1 to 4) and wait of each refusal, -1
 * for never.
 */
export const takeScript = `${common}${epochLua}
local tokens, cost, lease, life = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local issued, window = tonumber(ARGV[5]), tonumber(ARGV[6])
local subjects, refusals = {}, {}
local nonceKey = nil
if issued >= 0 then
  nonceKey = KEYS[#KEYS - 1]
  local state = claimed(nonceKey, KEYS[#KEYS], issued, window, tonumber(ARGV[7]))
  if state < 0 then return { state } end
end

local function wait(counts, quota, amount)
  if amount > quota then return -1 end
  local excess = counts.sum + amount - quota
  if excess <= 0 then return 0 end
  local list = unpacked(counts)
  for i = 1, #list, 2 do
    excess = excess - list[i + 1]
    if excess <= 0 then return endOf(list[i], counts.window) - now end
  end
  return -1
end

local function refuse(subject, measure, ms)
  if ms == 0 then return end
  refusals[#refusals + 1] = subject
  refusals[#refusals + 1] = measure
  refusals[#refusals + 1] = math.ceil(ms)
end

for i = 1, (#ARGV - 7) / 8 do
  local at = 8 + (i - 1) * 8
  local s = {
    requests = tonumber(ARGV[at]), requestWindow = tonumber(ARGV[at + 1]), burst = tonumber(ARGV[at + 2]),
    tokens = tonumber(ARGV[at + 3]), tokenWindow = tonumber(ARGV[at + 4]), concurrent = tonumber(ARGV[at + 5]),
    budget = tonumber(ARGV[at + 6]), costWindow = tonumber(ARGV[at + 7]),
  }
  s.account = open(KEYS[2 * i - 1], s.requestWindow, s.tokenWindow, s.costWindow)
  subjects[i] = s
  if s.requests >= 0 then
    local ms = wait(s.account.requests, s.requests, 1)
    if ms >= 0 and s.burst >= 0 then
      local ahead = s.account.pace - now - (s.burst - 1) * s.requestWindow / s.requests
      if ahead > 0.001 then ms = math.max(ms, ahead) end
    end
    refuse(i, 1, ms)
  end
  if s.tokens >= 0 then refuse(i, 2, wait(s.account.tokens, s.tokens, tokens)) end
  if s.budget >= 0 then refuse(i, 4, wait(s.account.budget, s.budget, cost)) end
  if s.concurrent >= 0 and leases(KEYS[2 * i], s.concurrent) >= s.concurrent then refuse(i, 3, 1) end
end

local admitted = #refusals == 0
-- First of all that is written: a server that is full refuses it, and nothing is counted.
if admitted and nonceKey then claim(nonceKey, issued, window) end
local reply = { admitted and 1 or 0 }
local function tell(counts)
  reply[#reply + 1] = counts and counts.sum or -1
  reply[#reply + 1] = math.ceil(reset(counts))
end
for i, s in ipairs(subjects) do
  local account, tokenSlot, costSlot = s.account, 0, 0
  if admitted then
    if s.requests >= 0 then
      add(account.requests, slotAt(s.requestWindow), 1)
      if s.burst >= 0 then account.pace = math.max(now, account.pace) + s.requestWindow / s.requests end
    end
    if s.tokens >= 0 then
      tokenSlot = slotAt(s.tokenWindow)
      add(account.tokens, tokenSlot, tokens)
    end
    if s.budget >= 0 then
      costSlot = slotAt(s.costWindow)
      add(account.budget, costSlot, cost)
    end
    if s.requests >= 0 or s.tokens >= 0 or s.budget >= 0 then save(account) end
    if s.concurrent >= 0 then
      redis.call('ZADD', KEYS[2 * i], now + life, lease)
      redis.call('PEXPIRE', KEYS[2 * i], 2 * life)
    end
  end
  tell(account.requests)
  tell(account.tokens)
  tell(account.budget)
  reply[#reply + 1] = tokenSlot
  reply[#reply + 1] = costSlot
end
for _, value in ipairs(refusals) do reply[#reply + 1] = value end
return reply
`;

/**
 * KEYS as above. ARGV: lease, tokens and cost beyond the reservation (negative for less), requests to count; then for each
 * subject requests' window, the slot of its tokens, tokens, their window, the slot of its cost, budget, its window.
 */
export const settleScript = `${common}
local lease, requests = ARGV[1], tonumber(ARGV[4])
local function correct(counts, quota, slot, excess)
  if counts == nil then return end
  if excess > 0 then charge(counts, quota, excess) else refund(counts, slot, -excess) end
end
for i = 1, #KEYS / 2 do
  local n = {}
  for k = 1, 7 do n[k] = tonumber(ARGV[4 + (i - 1) * 7 + k]) end
  if lease ~= '' then redis.call('ZREM', KEYS[2 * i], lease) end
  local account = open(KEYS[2 * i - 1], n[1], n[4], n[7])
  if account.requests then add(account.requests, slotAt(n[1]), requests) end
  correct(account.tokens, n[3], n[2], tonumber(ARGV[2]))
  correct(account.budget, n[6], n[5], tonumber(ARGV[3]))
  if account.requests or account.tokens or account.budget then save(account) end
end
return 1
`;

/** KEYS: leases of a subject, one for each lease. ARGV: their life in ms, then the leases. */
export const renewScript = `${common}
local life = tonumber(ARGV[1])
for i, key in ipairs(KEYS) do
  redis.call('ZADD', key, now + life, ARGV[i + 1])
  redis.call('PEXPIRE', key, 2 * life)
end
return #KEYS
`;

/** KEYS: the epoch. ARGV: its guard in ms. Returns how long until messages that are issued then are taken, in ms. */
export const epochScript = `${common}${epochLua}
local guard = math.ceil(tonumber(ARGV[1]) / 1000)
return { math.max(0, math.ceil((epoch(KEYS[1], ARGV[1]) - guard) * 1000 - now)) }
`;

/**
 * KEYS: counts and leases of a subject. ARGV: window of requests, of tokens, of the budget. Returns used and reset of each,
 * then leases.
 */
export const showScript = `${common}
local account = open(KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]))
local reply = {}
for _, counts in ipairs({ account.requests or false, account.tokens or false, account.budget or false }) do
  reply[#reply + 1] = counts and counts.sum or 0
  reply[#reply + 1] = math.ceil(reset(counts or nil))
end
reply[#reply + 1] = leases(KEYS[2], 0)
return reply
`;
