//! What Redis does for us in one step each. The keys of one script are never on several nodes.

use redis::Cmd;

/// KEYS all, tenant, entry; ARGV seed. The generation, the tenant's seed and count; the value and
/// the milliseconds it has left, where it is good.
const READ: &str = r"
local g = redis.call('HGET', KEYS[1], 'g')
if not g then
  g = ARGV[1]
  redis.call('HSET', KEYS[1], 'g', g)
end
local known = redis.call('HMGET', KEYS[2], 'e', 'n')
local e, n = known[1], known[2] or '0'
if not e then
  e, n = ARGV[1], '0'
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[2], 'e', e, 'n', n)
end
local v = redis.call('HMGET', KEYS[3], 'g', 'e', 'n', 's')
if v[1] ~= g or v[2] ~= e then return {g, e, n, false, 0} end
local begun, slots = tonumber(v[3]), {}
for slot in string.gmatch(v[4], '%d+') do slots[#slots + 1] = slot end
if #slots > 0 then
  for _, last in ipairs(redis.call('HMGET', KEYS[2], unpack(slots))) do
    if last and tonumber(last) > begun then
      redis.call('UNLINK', KEYS[3])
      return {g, e, n, false, 0}
    end
  end
end
return {g, e, n, redis.call('HGET', KEYS[3], 'b'), redis.call('PTTL', KEYS[3])}
";

/// KEYS all, tenant, entry; ARGV generation, seed, count, slots, bytes, milliseconds.
const STORE: &str = r"
if redis.call('HGET', KEYS[1], 'g') ~= ARGV[1] then return 0 end
if redis.call('HGET', KEYS[2], 'e') ~= ARGV[2] then return 0 end
local begun, slots = tonumber(ARGV[3]), {}
for slot in string.gmatch(ARGV[4], '%d+') do slots[#slots + 1] = slot end
if #slots > 0 then
  for _, last in ipairs(redis.call('HMGET', KEYS[2], unpack(slots))) do
    if last and tonumber(last) > begun then return 0 end
  end
end
redis.call('HSET', KEYS[3], 'g', ARGV[1], 'e', ARGV[2], 'n', ARGV[3], 's', ARGV[4], 'b', ARGV[5])
redis.call('PEXPIRE', KEYS[3], ARGV[6])
return 1
";

/// ARGV seed, then pairs of a tenant's key and a slot.
const OUTDATE: &str = r"
for at = 2, #ARGV, 2 do
  redis.call('HSETNX', ARGV[at], 'e', ARGV[1])
  local n = redis.call('HINCRBY', ARGV[at], 'n', 1)
  redis.call('HSET', ARGV[at], ARGV[at + 1], n)
end
return 1
";

/// KEYS all; ARGV cell, epoch, first, last, seed, then pairs of a tenant's key and a slot: events
/// `first` to `last` were followed. Where some before them never were, by anybody, everything
/// stored so far is dead. 0: known; 1: done; 2: everything is dead.
const FOLLOW: &str = r"
local p, c = 'p:' .. ARGV[1], 'c:' .. ARGV[1]
local known = redis.call('HMGET', KEYS[1], 'g', p, c)
local first, last = tonumber(ARGV[3]), tonumber(ARGV[4])
local position = known[3] == ARGV[2] and tonumber(known[2])
if not known[2] and first == 1 then position = 0 end
if not known[1] or not position or first > position + 1 then
  redis.call('HSET', KEYS[1], 'g', ARGV[5], p, last, c, ARGV[2])
  return 2
end
if last <= position then return 0 end
for at = 6, #ARGV, 2 do
  redis.call('HSETNX', ARGV[at], 'e', ARGV[5])
  local n = redis.call('HINCRBY', ARGV[at], 'n', 1)
  redis.call('HSET', ARGV[at], ARGV[at + 1], n)
end
redis.call('HSET', KEYS[1], p, last, c, ARGV[2])
return 1
";

/// KEYS all; ARGV seed: everything stored so far is dead.
const MOVE_ALL: &str = r"
redis.call('HSET', KEYS[1], 'g', ARGV[1])
return 1
";

#[derive(Debug, Clone)]
pub(super) struct Script {
    pub(super) text: &'static str,
    hash: String,
}

impl Script {
    fn new(text: &'static str) -> Self {
        Self {
            text,
            hash: redis::Script::new(text).get_hash().to_owned(),
        }
    }

    /// A call with so many keys, which come first.
    pub(super) fn ask(&self, keys: usize) -> Cmd {
        let mut cmd = redis::cmd("EVALSHA");
        cmd.arg(&self.hash).arg(keys);
        cmd
    }
}

#[derive(Debug, Clone)]
pub(super) struct Scripts {
    pub(super) read: Script,
    pub(super) store: Script,
    pub(super) outdate: Script,
    pub(super) follow: Script,
    pub(super) move_all: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            read: Script::new(READ),
            store: Script::new(STORE),
            outdate: Script::new(OUTDATE),
            follow: Script::new(FOLLOW),
            move_all: Script::new(MOVE_ALL),
        }
    }

    pub(super) fn all(&self) -> [&Script; 5] {
        [
            &self.read,
            &self.store,
            &self.outdate,
            &self.follow,
            &self.move_all,
        ]
    }
}

/// What no other process ever chose.
pub(super) fn seed() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; 12];
    getrandom::fill(&mut bytes)?;
    Ok(hex::encode(bytes))
}
