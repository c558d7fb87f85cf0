import { countsLua } from './counts-lua.ts';
import { epochLua } from './epoch-lua.ts';

/**
 * KEYS: counts and leases of each subject; then nonce and epoch, where there is a claim. ARGV: tokens, cost, lease, its life
 * in ms; when the claim was issued, its window and the epoch's guard in ms, or -1 without one; then for each subject
 * requests, their window, burst, tokens, their window, concurrent, budget, its window. Returns 1 for an admitted call, 0 for
 * one over a limit, -1 and -2 for a claim that is refused, and nothing more then; for each subject used and reset of
 * requests, tokens and budget, the slots of its tokens and cost; then subject, measure (1 to 4) and wait of each refusal, -1
 * for never.
 */
export const takeScript = `${countsLua}${epochLua}
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
export const settleScript = `${countsLua}
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
export const renewScript = `${countsLua}
local life = tonumber(ARGV[1])
for i, key in ipairs(KEYS) do
  redis.call('ZADD', key, now + life, ARGV[i + 1])
  redis.call('PEXPIRE', key, 2 * life)
end
return #KEYS
`;

/** KEYS: the epoch. ARGV: its guard in ms. Returns how long until messages that are issued then are taken, in ms. */
export const epochScript = `${countsLua}${epochLua}
local guard = math.ceil(tonumber(ARGV[1]) / 1000)
return { math.max(0, math.ceil((epoch(KEYS[1], ARGV[1]) - guard) * 1000 - now)) }
`;

/**
 * KEYS: counts and leases of a subject. ARGV: window of requests, of tokens, of the budget. Returns used and reset of each,
 * then leases.
 */
export const showScript = `${countsLua}
local account = open(KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]))
local reply = {}
for _, counts in ipairs({ account.requests or false, account.tokens or false, account.budget or false }) do
  reply[#reply + 1] = counts and counts.sum or 0
  reply[#reply + 1] = math.ceil(reset(counts or nil))
end
reply[#reply + 1] = leases(KEYS[2], 0)
return reply
`;
