import cassandra from "cassandra-driver";

const { localQuorum } = cassandra.types.consistencies;

/** Nothing serves the view, or nothing that serves covers the time: an answer would not be true. */
export class NotServed extends Error {}

/** Reads views by their logical names, by the rules of docs/guides/other-languages.md; one for each client. */
export class ViewReader {
  #client;
  #registry;
  #cacheSeconds;
  #pointers = new Map();

  /**
   * @param {cassandra.Client} client
   * @param {object} options registry: its keyspace. cacheSeconds: how long an answer of the registry is used, at most
   *   half of the shortest grace.
   */
  constructor(client, { registry = "views_registry", cacheSeconds = 5 } = {}) {
    this.#client = client;
    this.#registry = registry;
    this.#cacheSeconds = cacheSeconds;
  }

  /**
   * Runs one SELECT on what serves.
   *
   * @param {Date|null|undefined} time what is asked for; none for a view without a window
   * @param {string} cql the statement, with {view} in place of the table
   * @returns {Promise<{physicalName: string, rows: object[]}>}
   */
  async read(keyspace, view, time, cql, values) {
    const on = `${keyspace}.${view}`;
    let pointer = this.#pointers.get(on);
    if (!pointer || performance.now() >= pointer.due) {
      this.#postpone(pointer); // other reads keep using the last answer meanwhile
      pointer = await this.#ask(keyspace, view, pointer);
    }
    const name = find(pointer, on, time);
    try {
      return await this.#run(keyspace, name, cql, values);
    } catch (error) {
      let now;
      try {
        now = await this.#ask(keyspace, view, null);
      } catch (unknown) {
        throw unknown instanceof NotServed ? unknown : error;
      }
      if (now.entries.some((each) => each.name === name)) {
        throw error; // it was not dropped: the error is about something else
      }
      return await this.#run(keyspace, find(now, on, time), cql, values);
    }
  }

  async #run(keyspace, name, cql, values) {
    const text = cql.replaceAll("{view}", `${quoted(keyspace)}.${quoted(name)}`);
    const options = { prepare: true, consistency: localQuorum, isIdempotent: true };
    const rows = [];
    for await (const row of await this.#client.execute(text, values, options)) {
      rows.push(row);
    }
    return { physicalName: name, rows };
  }

  /** Asks the registry; keeps using the last answer while it cannot be read. */
  async #ask(keyspace, view, last) {
    const on = `${keyspace}.${view}`;
    const began = performance.now();
    let row;
    try {
      const found = await this.#client.execute(
        "SELECT DISTINCT keyspace_name, view_name, read_from FROM " +
          `${quoted(this.#registry)}.views WHERE keyspace_name = ? AND view_name = ?`,
        [keyspace, view],
        { prepare: true, consistency: localQuorum, isIdempotent: true, readTimeout: last ? 2000 : 10000 },
      );
      row = found.first();
    } catch (error) {
      if (!last) {
        throw error;
      }
      this.#postpone(last);
      return last;
    }
    const stored = this.#pointers.get(on);
    if (stored && stored.began >= began) {
      return stored; // the answer of a read that asked later
    }
    if (!row?.read_from?.length) {
      this.#pointers.delete(on);
      throw new NotServed(`${on}: ${row ? "nothing serves it" : "the registry knows no such view"}`);
    }
    const entries = row.read_from.map(({ name, start, end }) => ({
      name,
      start: start === undefined ? -Infinity : Date.parse(start),
      end: end === undefined ? Infinity : Date.parse(end),
    }));
    const pointer = { entries, began, due: began + this.#cacheSeconds * 1000 };
    this.#pointers.set(on, pointer);
    return pointer;
  }

  #postpone(pointer) {
    if (pointer) {
      pointer.due = performance.now() + this.#cacheSeconds * 1000;
    }
  }
}

function find(pointer, on, time) {
  const [first, ...others] = pointer.entries;
  if (time === null || time === undefined) {
    if (others.length || first.start !== -Infinity || first.end !== Infinity) {
      throw new TypeError(`${on} has a window: give a time`);
    }
    return first.name;
  }
  const found = pointer.entries.find((each) => time >= each.start && time < each.end);
  if (!found) {
    throw new NotServed(`${on}: nothing that serves covers ${time.toISOString()}`);
  }
  return found.name;
}

function quoted(name) {
  return `"${name.replaceAll('"', '""')}"`;
}
