import { MOST_AHEAD_S } from '../../kernel/nonce-claim.ts';

/**
 * Lua for what a store remembers of claims, by its own clock (`now`, in ms). Its epoch says from when on it does: it begins
 * anew where the key is not there, for the store was emptied, or where it was written by another server than this one, or
 * by this one before it lost its place. A server's replication id tells: it is drawn at random at every start as a master
 * and at every promotion, so neither an old snapshot nor a replica that lags behind passes for the store that it was.
 */
export const epochLua = `
local function epoch(key, guard)
  local server = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
  if server == nil then error('INFO tells no master_replid') end
  local stored = redis.call('GET', key)
  if stored then
    local of, from = string.match(stored, '^(%w+) (%d+)$')
    if of == server then return tonumber(from) end
  end
  local from = math.floor(now / 1000) + 1 + math.ceil(guard / 1000)
  redis.call('SET', key, server .. ' ' .. string.format('%d', from))
  return from
end

-- 0 for a claim that is the first, -1 for one that was made before, -2 for one out of its time.
local function claimed(nonceKey, epochKey, issued, window, guard)
  if issued < epoch(epochKey, guard) or issued * 1000 < now - window or issued > now / 1000 + ${MOST_AHEAD_S} then return -2 end
  if redis.call('EXISTS', nonceKey) == 1 then return -1 end
  return 0
end

-- A second longer than it may be sent again.
local function claim(nonceKey, issued, window)
  redis.call('SET', nonceKey, '', 'PX', math.ceil(issued * 1000 + window - now) + 1000)
end
`;
