// Reads all orders of a day, page by page, again and again: the view of the project that `views init` writes.
import { setTimeout } from "node:timers/promises";
import cassandra from "cassandra-driver";
import { ViewReader } from "./view-reader.js";

const PAGE = 7;

if (process.argv.length !== 9) {
  console.error("Usage: main.js HOST PORT DATA_CENTER REGISTRY KEYSPACE CACHE_SECONDS SECONDS");
  process.exit(2);
}
const [host, port, localDataCenter, registry, keyspace, cacheSeconds, seconds] = process.argv.slice(2);

const client = new cassandra.Client({
  contactPoints: [host],
  protocolOptions: { port: Number(port) },
  localDataCenter,
  socketOptions: { connectTimeout: 10000, readTimeout: 10000 },
});
const views = new ViewReader(client, { registry, cacheSeconds: Number(cacheSeconds) });
const day = new Date().toISOString().slice(0, 10);

/** One page: an id belongs to one order, so it tells alone where the next page begins. */
function readPage(last) {
  const where = last ? "day = ? AND order_id < ?" : "day = ?";
  const cql = `SELECT order_id, customer, total FROM {view} WHERE ${where} LIMIT ${PAGE}`;
  const values = [cassandra.types.LocalDate.fromString(day), ...(last ? [last] : [])];
  return views.read(keyspace, "orders_by_day", new Date(`${day}T00:00:00Z`), cql, values);
}

try {
  await client.connect();
  const end = Date.now() + Number(seconds) * 1000;
  while (Date.now() < end) {
    const began = Date.now();
    let count = 0;
    let page;
    do {
      page = await readPage(page?.rows.at(-1).order_id);
      count += page.rows.length;
    } while (page.rows.length === PAGE);
    console.log(`${began} ${page.physicalName} ${count}`);
    await setTimeout(50);
  }
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await client.shutdown();
}
