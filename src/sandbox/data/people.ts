/** Who lives in the project: names in many scripts, identifiers by project type. */
import type { SandboxProjectType } from '../options.ts'
import { hash32, randomFor } from './random.ts'

/** What events need to know of a person. */
export interface SandboxPerson {
  readonly index: number
  readonly email?: string
  readonly userId?: string
  readonly itblUserId?: string
  readonly home: PersonsHome
}

export interface PersonsHome {
  readonly first: string
  readonly last: string
  readonly latin: string
  readonly locale: string
  readonly country: string
  readonly city: string
  readonly region: string
  readonly zone: string
  readonly dial: string
}

const row = (line: string): PersonsHome => {
  const [first, last, latin, locale, country, city, region, zone, dial] = line.split('|') as [
    string,
    string,
    string,
    string,
    string,
    string,
    string,
    string,
    string,
  ]
  return { first, last, latin, locale, country, city, region, zone, dial }
}

const homes: readonly PersonsHome[] = [
  'Grace|Bennett|grace.bennett|en-US|United States|Portland|OR|America/Los_Angeles|+1503555',
  'Oliver|O’Neill|oliver.oneill|en-GB|United Kingdom|Leeds|ENG|Europe/London|+44113496',
  'Zoë|Müller|zoe.mueller|de-DE|Germany|Köln|NW|Europe/Berlin|+4922155',
  'José|Núñez|jose.nunez|es-ES|Spain|Cádiz|AN|Europe/Madrid|+3495655',
  'François|Lefèvre|francois.lefevre|fr-FR|France|Besançon|BFC|Europe/Paris|+3338155',
  'Łukasz|Żak|lukasz.zak|pl-PL|Poland|Łódź|LD|Europe/Warsaw|+4842555',
  'Иван|Петров|ivan.petrov|bg-BG|Bulgaria|Пловдив|16|Europe/Sofia|+3593255',
  'Νίκος|Παππάς|nikos.pappas|el-GR|Greece|Θεσσαλονίκη|B|Europe/Athens|+3023155',
  'فاطمة|الزهراء|fatima.alzahra|ar-MA|Morocco|الدار البيضاء|CAS|Africa/Casablanca|+2125225',
  'חנה|לוי|hana.levi|he-IL|Israel|חיפה|HA|Asia/Jerusalem|+9724855',
  'दिव्या|शर्मा|divya.sharma|hi-IN|India|जयपुर|RJ|Asia/Kolkata|+9114155',
  '美咲|佐藤|misaki.sato|ja-JP|Japan|札幌|01|Asia/Tokyo|+8111555',
  '伟|陈|wei.chen|zh-TW|Taiwan|臺中|TXG|Asia/Taipei|+8864255',
  '지우|김|jiwoo.kim|ko-KR|South Korea|부산|26|Asia/Seoul|+8251555',
  'ณัฐ|สุขใจ|nat.sukjai|th-TH|Thailand|เชียงใหม่|50|Asia/Bangkok|+6653555',
  'Thảo|Nguyễn|thao.nguyen|vi-VN|Vietnam|Đà Nẵng|DN|Asia/Ho_Chi_Minh|+8423655',
  'Siobhán|Ó Briain|siobhan.obriain|ga-IE|Ireland|Gaillimh|G|Europe/Dublin|+3539155',
  'Åsa|Öberg|asa.oberg|sv-SE|Sweden|Malmö|M|Europe/Stockholm|+4640555',
  'İpek|Yılmaz|ipek.yilmaz|tr-TR|Türkiye|İzmir|35|Europe/Istanbul|+9023255',
  'Нино|Ґалаґан|nino.galagan|uk-UA|Ukraine|Львів|46|Europe/Kyiv|+38032255',
].map(row)

const domains = [
  'example.com',
  'example.org',
  'example.net',
  'mail.example.com',
  'correo.example.es',
  // Reserved domains that begin like those of mailbox providers.
  'outlook.example',
  'yahoo.example',
  'gmx.example',
] as const

/** The person with this number; the same for every call with the same seed. */
export function personAt(index: number, seed: number, projectType: SandboxProjectType): SandboxPerson {
  const dice = hash32(`${seed}:person:${index}`)
  const home = homes[dice % homes.length]!
  const email = `${home.latin}.${index}@${domains[(dice >>> 8) % domains.length]}`
  const userId = `u-${100_000 + index}`
  if (projectType === 'email') {
    if (index % 40 === 39) {
      return { index, email: `${userId}@placeholder.email`, userId, home }
    }
    return (dice >>> 16) % 10 < 6 ? { index, email, userId, home } : { index, email, home }
  }
  const itblUserId = randomFor(seed, 'itbl', index).hex(32)
  if (projectType === 'userId') {
    return index % 7 === 6 ? { index, userId, itblUserId, home } : { index, email, userId, itblUserId, home }
  }
  if (index % 20 === 19) return { index, userId, itblUserId, home }
  return (dice >>> 16) % 10 < 9
    ? { index, email, userId, itblUserId, home }
    : { index, email, itblUserId, home }
}

/** The identifying columns of a row, absent where the person has none. */
export function identity(person: SandboxPerson): { email?: string; userId?: string; itblUserId?: string } {
  const columns: { email?: string; userId?: string; itblUserId?: string } = {}
  if (person.email !== undefined) columns.email = person.email
  if (person.userId !== undefined) columns.userId = person.userId
  if (person.itblUserId !== undefined) columns.itblUserId = person.itblUserId
  return columns
}
