/**
 * Python's `strftime` in the C locale, which chat templates use for today's date.
 *
 * Our own: month and day names never depend on the locale of the machine.
 *
 * @module
 */

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

const pad = (value: number, width: number, fill = "0"): string => String(value).padStart(width, fill);

/**
 * Format a date in local time.
 *
 * @param date The date.
 * @param format Text with `%` directives, as in C89; unknown directives are kept.
 * @returns The text.
 */
export function strftime(date: Date, format: string): string {
  return format.replace(/%-?[A-Za-z%]/g, (directive) => {
    const bare = directive[1] === "-";
    const text = formatDirective(date, directive.at(-1) as string);
    return text === null ? directive : bare ? text.replace(/^[0 ]+(?=.)/, "") : text;
  });
}

function formatDirective(date: Date, directive: string): string | null {
  const day = DAYS[date.getDay()] as string;
  const month = MONTHS[date.getMonth()] as string;
  const startOfYear = Date.UTC(date.getFullYear(), 0, 1);
  const dayOfYear = (Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) - startOfYear) / 86_400_000;
  const sub = (format: string): string => strftime(date, format);
  switch (directive) {
    case "a":
      return day.slice(0, 3);
    case "A":
      return day;
    case "b":
    case "h":
      return month.slice(0, 3);
    case "B":
      return month;
    case "c":
      return `${sub("%a %b")} ${pad(date.getDate(), 2, " ")} ${sub("%H:%M:%S %Y")}`;
    case "d":
      return pad(date.getDate(), 2);
    case "D":
    case "x":
      return sub("%m/%d/%y");
    case "e":
      return pad(date.getDate(), 2, " ");
    case "f":
      return pad(date.getMilliseconds() * 1000, 6);
    case "F":
      return sub("%Y-%m-%d");
    case "H":
      return pad(date.getHours(), 2);
    case "I":
      return pad(date.getHours() % 12 || 12, 2);
    case "j":
      return pad(dayOfYear + 1, 3);
    case "m":
      return pad(date.getMonth() + 1, 2);
    case "M":
      return pad(date.getMinutes(), 2);
    case "n":
      return "\n";
    case "p":
      return date.getHours() < 12 ? "AM" : "PM";
    case "R":
      return sub("%H:%M");
    case "s":
      return String(Math.floor(date.getTime() / 1000));
    case "S":
      return pad(date.getSeconds(), 2);
    case "t":
      return "\t";
    case "T":
    case "X":
      return sub("%H:%M:%S");
    case "u":
      return String(date.getDay() || 7);
    case "w":
      return String(date.getDay());
    case "y":
      return pad(date.getFullYear() % 100, 2);
    case "Y":
      return String(date.getFullYear());
    case "z":
    case "Z":
      return "";
    case "%":
      return "%";
    default:
      return null;
  }
}
