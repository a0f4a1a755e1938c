/** Texts of the rules filled in on the page, by the rules of plugin/deciding/ruleset/template.py; values and times in words. */

const MISSING = "не указано";

/** Lines of a template as one text; a line none of whose gaps has a value is left out. */
export function fill(lines, values) {
  const filled = [];
  for (const line of lines) {
    if (typeof line === "string") {
      filled.push(line);
      continue;
    }
    const [stays, ...parts] = line;
    let kept = stays;
    let text = "";
    parts.forEach((part, place) => {
      if (place % 2 === 0) {
        text += part;
      } else {
        const value = values[part];
        kept = kept || Boolean(value);
        text += value || MISSING;
      }
    });
    if (kept) filled.push(text);
  }
  return filled.join("\n");
}

/** What was typed, as texts spell it. */
export function spelt(type, value) {
  if (type === "number") return String(value).replace(".", ",");
  if (type === "date") return value.split("-").reverse().join(".");
  if (type === "datetime") {
    const [day, clock] = value.split("T");
    return `${day.split("-").reverse().join(".")} ${clock.slice(0, 5)} (UTC${clock.slice(-6)})`;
  }
  return String(value);
}

/** What texts call a zone; any other one is named in full. */
const ZONES = { "Europe/Moscow": "МСК" };

/** A moment by the deployment's clocks, as texts have it: 24.11.2026 16:01 (МСК), or (Asia/Magadan, UTC+11:00). */
export function localTime(moment, zone) {
  const parts = partsOf(moment, zone, { timeZoneName: "longOffset" });
  const offset = parts.timeZoneName === "GMT" ? "+00:00" : parts.timeZoneName.slice(3);
  return `${parts.day}.${parts.month}.${parts.year} ${parts.hour}:${parts.minute} (${ZONES[zone] ?? `${zone}, UTC${offset}`})`;
}

/** For a glance: «завтра, 25.11, 16:01». */
export function shortTime(moment, zone, now) {
  const then = partsOf(moment, zone);
  const day = (date) => `${date.year}-${date.month}-${date.day}`;
  const days = Math.round((Date.parse(day(then)) - Date.parse(day(partsOf(now, zone)))) / 86400000);
  const name = { 0: "сегодня", 1: "завтра", [-1]: "вчера" }[days];
  const date = `${then.day}.${then.month}`;
  return `${name ? `${name}, ` : ""}${date}, ${then.hour}:${then.minute}`;
}

/** 16:01:07 */
export function clockTime(moment, zone) {
  const parts = partsOf(moment, zone);
  return `${parts.hour}:${parts.minute}:${parts.second}`;
}

/** 24.11 16:01 */
export function dayTime(moment, zone) {
  const parts = partsOf(moment, zone);
  return `${parts.day}.${parts.month} ${parts.hour}:${parts.minute}`;
}

/** 16:01 */
export function minuteTime(moment, zone) {
  return clockTime(moment, zone).slice(0, 5);
}

/** Making a format takes longer than a frame: each is made once, before it is needed. */
const formats = new Map();

function formatOf(zone, more) {
  const name = zone + JSON.stringify(more);
  if (!formats.has(name)) {
    const usual = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" };
    formats.set(name, new Intl.DateTimeFormat("ru-RU", { timeZone: zone, hourCycle: "h23", ...usual, ...more }));
  }
  return formats.get(name);
}

export function warmUp(zone) {
  localTime(new Date(), zone);
  clockTime(new Date(), zone);
}

function partsOf(moment, zone, more = {}) {
  return Object.fromEntries(formatOf(zone, more).formatToParts(moment).map((part) => [part.type, part.value]));
}

/** What was typed, read as the fact's type; throws a message for the operator where it cannot be. */
export function readTyped(input, text) {
  const trimmed = plain(text);
  if (!trimmed) throw new Error("Впишите ответ");
  if (input.type === "text") {
    if (trimmed.length > input.longest) throw new Error(`Не длиннее ${input.longest} знаков`);
    if (input.is_name && !/\p{L}/u.test(trimmed)) throw new Error("Это не похоже на имя. Впишите его буквами.");
    return trimmed;
  }
  const value = input.type === "number" ? readNumber(trimmed) : readMoment(input.type, trimmed);
  const low = input.least !== null && compare(input.type, value, input.least) < 0;
  const high = input.most !== null && compare(input.type, value, input.most) > 0;
  if (low) throw new Error(`Не меньше: ${spelt(input.type, input.least)}`);
  if (high) throw new Error(`Не больше: ${spelt(input.type, input.most)}`);
  return value;
}

/** One line without what cannot be printed: the server takes nothing else. */
export function plain(text) {
  const visible = text.replace(/[\p{Cf}\p{Co}\p{Cn}\p{Cs}]/gu, (sign) => (sign === "\u00ad" ? sign : ""));
  return visible.replace(/[\p{Cc}\p{Z}]+/gu, " ").trim();
}

function readNumber(text) {
  const digits = text.replaceAll(" ", "").replace(",", ".");
  if (!/^[+-]?\d{1,15}(\.\d{1,9})?$/.test(digits)) throw new Error("Нужно число");
  return Number(digits);
}

function readMoment(type, text) {
  if (type === "date") return text;
  const moment = new Date(text);
  const minutes = -moment.getTimezoneOffset();
  const two = (number) => String(Math.floor(Math.abs(number))).padStart(2, "0");
  return `${text.slice(0, 16)}:00${minutes < 0 ? "-" : "+"}${two(minutes / 60)}:${two(minutes % 60)}`;
}

function compare(type, one, other) {
  if (type === "number") return one - other;
  return Date.parse(one) - Date.parse(other);
}
