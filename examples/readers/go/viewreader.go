package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"
)

// ErrNotServed says that nothing serves the view, or nothing that serves covers the time: an answer would not be true.
var ErrNotServed = errors.New("not served")

type entry struct {
	name       string
	start, end time.Time // zero where open
}

func (e entry) covers(at time.Time) bool {
	return (e.start.IsZero() || !at.Before(e.start)) && (e.end.IsZero() || at.Before(e.end))
}

type pointer struct {
	entries []entry
	due     time.Time
}

func (p pointer) serves(name string) bool {
	for _, each := range p.entries {
		if each.name == name {
			return true
		}
	}
	return false
}

// ViewReader reads views by their logical names, by the rules of docs/guides/other-languages.md.
// One for each session; safe to share between goroutines.
type ViewReader struct {
	session  *gocql.Session
	registry string
	cache    time.Duration // how long an answer of the registry is used: at most half of the shortest grace

	mutex    sync.Mutex
	pointers map[string]pointer
}

// NewViewReader returns a reader of the views that the registry, a keyspace, knows.
func NewViewReader(session *gocql.Session, registry string, cache time.Duration) *ViewReader {
	return &ViewReader{session: session, registry: registry, cache: cache, pointers: map[string]pointer{}}
}

// Read runs one SELECT on what serves, with {view} in place of the table, and returns the rows and the name of the
// physical view that they came from. The time is what is asked for, and zero for a view without a window.
func (r *ViewReader) Read(
	ctx context.Context, keyspace, view string, at time.Time, cql string, values ...any,
) ([]map[string]any, string, error) {
	on := keyspace + "." + view
	r.mutex.Lock()
	last, isKnown := r.pointers[on]
	r.mutex.Unlock()
	if !isKnown || !time.Now().Before(last.due) {
		var err error
		if last, err = r.ask(ctx, keyspace, view, last.entries); err != nil {
			return nil, "", err
		}
	}
	name, err := find(last, on, at)
	if err != nil {
		return nil, "", err
	}
	rows, err := r.run(ctx, keyspace, name, cql, values)
	if err == nil {
		return rows, name, nil
	}
	now, unknown := r.ask(ctx, keyspace, view, nil)
	if errors.Is(unknown, ErrNotServed) {
		return nil, "", unknown
	}
	if unknown != nil || now.serves(name) {
		return nil, "", err // it was not dropped: the error is about something else
	}
	if name, err = find(now, on, at); err != nil {
		return nil, "", err
	}
	rows, err = r.run(ctx, keyspace, name, cql, values)
	return rows, name, err
}

func (r *ViewReader) run(ctx context.Context, keyspace, name, cql string, values []any) ([]map[string]any, error) {
	text := strings.ReplaceAll(cql, "{view}", quoted(keyspace)+"."+quoted(name))
	query := r.session.Query(text, values...).Consistency(gocql.LocalQuorum).Idempotent(true)
	return query.IterContext(ctx).SliceMap()
}

// ask asks the registry; while it cannot be read, the last answer is used on.
func (r *ViewReader) ask(ctx context.Context, keyspace, view string, last []entry) (pointer, error) {
	on := keyspace + "." + view
	limit := 10 * time.Second
	if last != nil {
		limit = 2 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var found []map[string]string
	err := r.session.Query(
		"SELECT DISTINCT keyspace_name, view_name, read_from FROM "+quoted(r.registry)+
			".views WHERE keyspace_name = ? AND view_name = ?", keyspace, view,
	).Consistency(gocql.LocalQuorum).Idempotent(true).ScanContext(ctx, &keyspace, &view, &found)
	switch {
	case errors.Is(err, gocql.ErrNotFound):
		return r.forget(on, "the registry knows no such view")
	case err != nil && last != nil:
		return r.keep(on, last), nil
	case err != nil:
		return pointer{}, err
	case len(found) == 0:
		return r.forget(on, "nothing serves it")
	}
	entries := make([]entry, len(found))
	for place, each := range found {
		entries[place].name = each["name"]
		for key, bound := range map[string]*time.Time{"start": &entries[place].start, "end": &entries[place].end} {
			if text, isGiven := each[key]; isGiven {
				if *bound, err = time.Parse(time.RFC3339, text); err != nil {
					return pointer{}, err
				}
			}
		}
	}
	return r.keep(on, entries), nil
}

func (r *ViewReader) keep(on string, entries []entry) pointer {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.pointers[on] = pointer{entries, time.Now().Add(r.cache)}
	return r.pointers[on]
}

func (r *ViewReader) forget(on, reason string) (pointer, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	delete(r.pointers, on)
	return pointer{}, fmt.Errorf("%s: %s: %w", on, reason, ErrNotServed)
}

func find(known pointer, on string, at time.Time) (string, error) {
	for _, each := range known.entries {
		if at.IsZero() || each.covers(at) {
			return each.name, nil
		}
	}
	return "", fmt.Errorf("%s: nothing that serves covers %s: %w", on, at.Format(time.RFC3339), ErrNotServed)
}

func quoted(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}
