import com.datastax.oss.driver.api.core.CqlSession;
import com.datastax.oss.driver.api.core.DefaultConsistencyLevel;
import com.datastax.oss.driver.api.core.DriverException;
import com.datastax.oss.driver.api.core.cql.PreparedStatement;
import com.datastax.oss.driver.api.core.cql.Row;
import com.datastax.oss.driver.api.core.cql.SimpleStatement;
import com.datastax.oss.driver.api.core.type.reflect.GenericType;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Reads views by their logical names, by the rules of docs/guides/other-languages.md.
 *
 * <p>One for each session; safe to share between threads.
 */
public final class ViewReader {
  /** Nothing serves the view, or nothing that serves covers the time; an answer would not be true. */
  public static final class NotServed extends RuntimeException {
    NotServed(String message) {
      super(message);
    }
  }

  /** Rows, and the physical view that they came from. */
  public record Answer(String physicalName, List<Row> rows) {}

  private record Entry(String name, Instant start, Instant end) {
    boolean covers(Instant time) {
      return (start == null || !time.isBefore(start)) && (end == null || time.isBefore(end));
    }
  }

  /** What the registry answered, when it was asked, and when it is asked again. */
  private record Pointer(List<Entry> entries, long began, AtomicLong due) {
    boolean serves(String name) {
      return entries.stream().anyMatch(each -> each.name.equals(name));
    }
  }

  private static final GenericType<List<Map<String, String>>> MAPS =
      GenericType.listOf(GenericType.mapOf(String.class, String.class));

  private final CqlSession session;
  private final String registry;
  private final Duration cache;
  private final Map<String, Pointer> pointers = new ConcurrentHashMap<>();
  private final Map<String, PreparedStatement> prepared = new ConcurrentHashMap<>();

  /** @param cache how long an answer of the registry is used: at most half of the shortest grace. */
  public ViewReader(CqlSession session, String registry, Duration cache) {
    this.session = session;
    this.registry = registry;
    this.cache = cache;
  }

  /**
   * Runs one SELECT on what serves.
   *
   * @param time what is asked for; null for a view without a window
   * @param cql the statement, with {view} in place of the table
   */
  public Answer read(String keyspace, String view, Instant time, String cql, Object... values) {
    Pointer pointer = pointers.get(keyspace + "." + view);
    if (pointer == null || isDue(pointer)) {
      pointer = ask(keyspace, view, pointer);
    }
    String name = find(pointer, keyspace, view, time);
    try {
      return run(keyspace, name, cql, values);
    } catch (DriverException error) {
      Pointer now;
      try {
        now = ask(keyspace, view, null);
      } catch (DriverException unknown) {
        throw error;
      }
      if (now.serves(name)) {
        throw error; // it was not dropped: the error is about something else
      }
      return run(keyspace, find(now, keyspace, view, time), cql, values);
    }
  }

  private Answer run(String keyspace, String name, String cql, Object... values) {
    String text = cql.replace("{view}", quoted(keyspace) + "." + quoted(name));
    PreparedStatement statement = prepared.computeIfAbsent(text, session::prepare);
    return new Answer(
        name,
        session
            .execute(
                statement
                    .bind(values)
                    .setConsistencyLevel(DefaultConsistencyLevel.LOCAL_QUORUM)
                    .setIdempotent(true))
            .all());
  }

  /** Tells whether this thread is the one to ask again; others keep using the answer meanwhile. */
  private boolean isDue(Pointer pointer) {
    long now = System.nanoTime();
    long due = pointer.due.get();
    return now - due >= 0 && pointer.due.compareAndSet(due, now + cache.toNanos());
  }

  /** Asks the registry; keeps using the last answer while it cannot be read. */
  private Pointer ask(String keyspace, String view, Pointer last) {
    String on = keyspace + "." + view;
    long began = System.nanoTime();
    Row row;
    try {
      row =
          session
              .execute(
                  SimpleStatement.newInstance(
                          "SELECT DISTINCT keyspace_name, view_name, read_from FROM "
                              + quoted(registry)
                              + ".views WHERE keyspace_name = ? AND view_name = ?",
                          keyspace,
                          view)
                      .setConsistencyLevel(DefaultConsistencyLevel.LOCAL_QUORUM)
                      .setIdempotent(true)
                      .setTimeout(Duration.ofSeconds(last == null ? 10 : 2)))
              .one();
    } catch (DriverException error) {
      if (last == null) {
        throw error;
      }
      last.due.set(System.nanoTime() + cache.toNanos());
      return last;
    }
    List<Map<String, String>> found = row == null ? null : row.get("read_from", MAPS);
    if (found == null || found.isEmpty()) {
      Pointer newer = pointers.computeIfPresent(on, (key, old) -> began - old.began > 0 ? null : old);
      if (newer != null) {
        return newer;
      }
      throw new NotServed(on + (row == null ? ": the registry knows no such view" : ": nothing serves it"));
    }
    List<Entry> entries =
        found.stream()
            .map(each -> new Entry(each.get("name"), instant(each.get("start")), instant(each.get("end"))))
            .toList();
    Pointer before = pointers.get(on);
    if (before != null && !before.entries.equals(entries)) {
      prepared.clear(); // statements on generations that serve no longer
    }
    Pointer answer = new Pointer(entries, began, new AtomicLong(began + cache.toNanos()));
    return pointers.merge(on, answer, (old, next) -> next.began - old.began > 0 ? next : old);
  }

  private static String find(Pointer pointer, String keyspace, String view, Instant time) {
    Entry first = pointer.entries.get(0);
    if (time == null && (pointer.entries.size() > 1 || first.start != null || first.end != null)) {
      throw new IllegalArgumentException(keyspace + "." + view + " has a window: give a time");
    }
    return pointer.entries.stream()
        .filter(each -> time == null || each.covers(time))
        .findFirst()
        .orElseThrow(() -> new NotServed(keyspace + "." + view + ": nothing that serves covers " + time))
        .name;
  }

  private static Instant instant(String text) {
    return text == null ? null : Instant.parse(text);
  }

  private static String quoted(String name) {
    return '"' + name.replace("\"", "\"\"") + '"';
  }
}
