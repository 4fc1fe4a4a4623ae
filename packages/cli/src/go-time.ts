// Go's way to write a time: a layout is a text in which parts of the moment "Mon Jan 2 15:04:05 MST 2006" stand for what to put there. The name
// of the file of `--snmplog` is such a layout (PROTOCOL tunnel §12), whether its author knew or not: `snmp-t1.log` is `snmp-t11.log` in November.

import { readFileSync } from 'node:fs';

/** A moment as a calendar shows it. */
export interface GoTime {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
  /** 0 to 23. */
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly nanosecond: number;
  /** Seconds east of UTC. */
  readonly offset: number;
  /** The zone's short name, `CET`. */
  readonly zone: string;
}

const MONTHS = 'January February March April May June July August September October November December'.split(' ');
const WEEKDAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ');

/**
 * All that stands for something, longest spelling first. A month or weekday that goes on with a small letter is a word (`Janet`), and a run of
 * 0 or 9 behind a point or comma is a fraction only when no other digit follows.
 */
const TOKENS =
  /January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|002|0[1-6]|15|1|2006|2|__2|_2006|_2|[345]|PM|pm|[-Z]07:00:00|[-Z]070000|[-Z]07:00|[-Z]0700|[-Z]07|[.,](?:0+|9+)(?!\d)/g;

/** Writes a time as a layout says. */
export function formatGoTime(layout: string, time: GoTime): string {
  return layout.replace(TOKENS, (token) => replaceToken(token, time));
}

function replaceToken(token: string, time: GoTime): string {
  const hour12 = time.hour % 12 === 0 ? 12 : time.hour % 12;
  switch (token) {
    case 'January':
      return MONTHS[time.month - 1] ?? '';
    case 'Jan':
      return (MONTHS[time.month - 1] ?? '').slice(0, 3);
    case 'Monday':
      return weekday(time);
    case 'Mon':
      return weekday(time).slice(0, 3);
    case 'MST':
      return time.zone;
    case '01':
      return pad(time.month, 2);
    case '1':
      return String(time.month);
    case '02':
      return pad(time.day, 2);
    case '_2':
      return String(time.day).padStart(2);
    case '2':
      return String(time.day);
    case '002':
      return pad(yearDay(time), 3);
    case '__2':
      return String(yearDay(time)).padStart(3);
    case '15':
      return pad(time.hour, 2);
    case '03':
      return pad(hour12, 2);
    case '3':
      return String(hour12);
    case '04':
      return pad(time.minute, 2);
    case '4':
      return String(time.minute);
    case '05':
      return pad(time.second, 2);
    case '5':
      return String(time.second);
    case '06':
      return pad(time.year % 100, 2);
    case '2006':
      return pad(time.year, 4);
    case '_2006':
      return `_${pad(time.year, 4)}`;
    case 'PM':
      return time.hour >= 12 ? 'PM' : 'AM';
    case 'pm':
      return time.hour >= 12 ? 'pm' : 'am';
    default:
      return token.startsWith('-') || token.startsWith('Z') ? formatOffset(token, time.offset) : formatFraction(token, time.nanosecond);
  }
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0');
}

function weekday(time: GoTime): string {
  return WEEKDAYS[new Date(Date.UTC(time.year, time.month - 1, time.day)).getUTCDay()] ?? '';
}

function yearDay(time: GoTime): number {
  return (Date.UTC(time.year, time.month - 1, time.day) - Date.UTC(time.year, 0, 0)) / 86_400_000;
}

function formatOffset(token: string, offset: number): string {
  if (token.startsWith('Z') && offset === 0) return 'Z';
  const seconds = Math.abs(offset);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map((value) => pad(value, 2));
  const digits = token.replace(/\D/g, '').length;
  return `${offset < 0 ? '-' : '+'}${parts.slice(0, digits / 2).join(token.includes(':') ? ':' : '')}`;
}

/** Zeros ask for all digits, nines for those before the last zeros. */
function formatFraction(token: string, nanosecond: number): string {
  const digits = pad(nanosecond, 9).slice(0, token.length - 1);
  if (token[1] === '0') return `${token[0]}${digits}`;
  const significant = digits.replace(/0+$/, '');
  return significant === '' ? '' : `${token[0]}${significant}`;
}

/** The local time of a moment. */
export function localGoTime(date: Date): GoTime {
  const offset = -date.getTimezoneOffset() * 60;
  return {
    year: date.getFullYear(),
    month: date.getMonth() + 1,
    day: date.getDate(),
    hour: date.getHours(),
    minute: date.getMinutes(),
    second: date.getSeconds(),
    nanosecond: date.getMilliseconds() * 1_000_000,
    offset,
    zone: zoneName(Intl.DateTimeFormat().resolvedOptions().timeZone, offset),
  };
}

/**
 * The short name that a zone has at an offset. JavaScript knows such names for few zones only; the system's table ends with a line that has
 * them, `CET-1CEST,M3.5.0,M10.5.0/3`. Without it the offset is the name, as in that table itself where a zone has none.
 */
function zoneName(zone: string, offset: number): string {
  if (zone === 'UTC') return 'UTC';
  const numeric = formatOffset(offset % 3600 === 0 ? '-07' : '-0700', offset);
  let rule: string;
  try {
    rule = readFileSync(`/usr/share/zoneinfo/${zone}`, 'latin1').trimEnd().split('\n').at(-1) ?? '';
  } catch {
    return numeric;
  }
  const match = /^(<[^>]+>|[A-Za-z]+)([-+]?)(\d+)(?::(\d+))?(?::\d+)?(<[^>]+>|[A-Za-z]+)?/.exec(rule);
  if (match === null) return numeric;
  const [, standard = '', sign, hours, minutes = '0', summer] = match;
  // The table counts west of Greenwich.
  const west = Number(hours) * 3600 + Number(minutes) * 60;
  const name = (sign === '-' ? west : -west) === offset ? standard : (summer ?? numeric);
  return name.replace(/[<>]/g, '');
}
