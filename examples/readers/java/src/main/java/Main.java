import com.datastax.oss.driver.api.core.CqlSession;
import com.datastax.oss.driver.api.core.config.DefaultDriverOption;
import com.datastax.oss.driver.api.core.config.DriverConfigLoader;
import com.datastax.oss.driver.api.core.cql.Row;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.List;
import java.util.UUID;

/** Reads all orders of a day, page by page, again and again: the view of the project that `views init` writes. */
public final class Main {
  private static final int PAGE = 7;

  public static void main(String[] args) throws InterruptedException {
    if (args.length != 7) {
      System.err.println("Usage: Main HOST PORT DATA_CENTER REGISTRY KEYSPACE CACHE_SECONDS SECONDS");
      System.exit(2);
    }
    LocalDate day = LocalDate.now(ZoneOffset.UTC);
    long end = System.currentTimeMillis() + Long.parseLong(args[6]) * 1000;
    DriverConfigLoader slow =
        DriverConfigLoader.programmaticBuilder()
            .withDuration(DefaultDriverOption.REQUEST_TIMEOUT, Duration.ofSeconds(10))
            .withDuration(DefaultDriverOption.CONNECTION_INIT_QUERY_TIMEOUT, Duration.ofSeconds(10))
            .build();
    try (CqlSession session =
        CqlSession.builder()
            .addContactPoint(new InetSocketAddress(args[0], Integer.parseInt(args[1])))
            .withLocalDatacenter(args[2])
            .withConfigLoader(slow)
            .build()) {
      ViewReader views = new ViewReader(session, args[3], Duration.ofSeconds(Long.parseLong(args[5])));
      while (System.currentTimeMillis() < end) {
        long began = System.currentTimeMillis();
        int count = 0;
        UUID last = null;
        ViewReader.Answer page;
        do {
          page = page(views, args[4], day, last);
          List<Row> rows = page.rows();
          count += rows.size();
          last = rows.isEmpty() ? null : rows.get(rows.size() - 1).getUuid("order_id");
        } while (page.rows().size() == PAGE);
        System.out.println(began + " " + page.physicalName() + " " + count);
        Thread.sleep(50);
      }
    }
  }

  /** One page: an id belongs to one order, so it tells alone where the next page begins. */
  private static ViewReader.Answer page(ViewReader views, String keyspace, LocalDate day, UUID last) {
    String select = "SELECT order_id, customer, total FROM {view} WHERE day = ?";
    var time = day.atStartOfDay(ZoneOffset.UTC).toInstant();
    return last == null
        ? views.read(keyspace, "orders_by_day", time, select + " LIMIT " + PAGE, day)
        : views.read(keyspace, "orders_by_day", time, select + " AND order_id < ? LIMIT " + PAGE, day, last);
  }
}
