// Reads all orders of a day, page by page, again and again: the view of the project that `views init` writes.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"
)

const page = 7

func main() {
	if len(os.Args) != 8 {
		fmt.Fprintln(os.Stderr, "Usage: viewreader HOST PORT DATA_CENTER REGISTRY KEYSPACE CACHE_SECONDS SECONDS")
		os.Exit(2)
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	port, cache, seconds, err := numbers(args[1], args[5], args[6])
	if err != nil {
		return err
	}
	cluster := gocql.NewCluster(args[0])
	cluster.Port = port
	cluster.Timeout, cluster.ConnectTimeout = 10*time.Second, 10*time.Second
	cluster.PoolConfig.HostSelectionPolicy = gocql.TokenAwareHostPolicy(gocql.DCAwareRoundRobinPolicy(args[2]))
	session, err := cluster.CreateSession()
	if err != nil {
		return err
	}
	defer session.Close()
	views := NewViewReader(session, args[3], time.Duration(cache)*time.Second)
	day := time.Now().UTC().Truncate(24 * time.Hour)
	for end := time.Now().Add(time.Duration(seconds) * time.Second); time.Now().Before(end); {
		began := time.Now()
		count, name, err := orders(views, args[4], day)
		if err != nil {
			return err
		}
		fmt.Println(began.UnixMilli(), name, count)
		time.Sleep(50 * time.Millisecond)
	}
	return nil
}

// orders returns how many orders a day has. An id belongs to one order, so it tells alone where the next page begins.
func orders(views *ViewReader, keyspace string, day time.Time) (count int, name string, err error) {
	where, values := "WHERE day = ?", []any{day}
	for {
		cql := fmt.Sprintf("SELECT order_id, customer, total FROM {view} %s LIMIT %d", where, page)
		var rows []map[string]any
		rows, name, err = views.Read(context.Background(), keyspace, "orders_by_day", day, cql, values...)
		if err != nil {
			return 0, "", err
		}
		count += len(rows)
		if len(rows) < page {
			return count, name, nil
		}
		where, values = "WHERE day = ? AND order_id < ?", []any{day, rows[len(rows)-1]["order_id"]}
	}
}

func numbers(texts ...string) (int, int, int, error) {
	var found [3]int
	for place, text := range texts {
		number, err := strconv.Atoi(text)
		if err != nil {
			return 0, 0, 0, err
		}
		found[place] = number
	}
	return found[0], found[1], found[2], nil
}
