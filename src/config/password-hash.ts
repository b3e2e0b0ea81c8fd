/** How the hash of a password is written: `scrypt:COST:BLOCK:LANES:SALT:HASH`, the last two in base64url. */
export const passwordHash = /^scrypt:(\d{1,7}):(\d{1,2}):(\d{1,2}):([\w-]{16,}):([\w-]{32,})$/
