import { MOST_WINDOWS_OF_DEBT, SLOTS } from '../memory/sliding-window.ts';

// The rules are those of SlidingWindow, by Redis' clock; one property test holds both against the same model.
// A subject has two keys: its counts, packed, and its leases by the time at which they expire. All subjects of a decision
// are in one slot of a cluster. Absent limits are -1.

/** What every script on counts begins with. */
export const countsLua = `
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
