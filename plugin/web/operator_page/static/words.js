/** Russian words that several parts of the page use. */

/** For 1, for 2 to 4, for 5 and more. */
export const WAITING_NOW = ["подтверждение ещё не ушло", "подтверждения ещё не ушли", "подтверждений ещё не ушли"];

export const ANSWERS = ["ответ", "ответа", "ответов"];

/** «1 подтверждение ещё не ушло» */
export function counted(count, [one, few, many]) {
  const last = count % 10;
  const teens = count % 100 > 10 && count % 100 < 20;
  return `${count} ${!teens && last === 1 ? one : !teens && last > 1 && last < 5 ? few : many}`;
}

/** A call as an operator knows it: its number or its client. */
export function asText(about) {
  return about?.phone ?? about?.name ?? "без номера";
}
