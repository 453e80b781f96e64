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

// pointer is what the registry answered, when it was asked, and when it is asked again.
type pointer struct {
	entries    []entry
	began, due time.Time
}

func (p *pointer) serves(name string) bool {
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
	pointers map[string]*pointer
}

// NewViewReader returns a reader of the views that the registry, a keyspace, knows.
func NewViewReader(session *gocql.Session, registry string, cache time.Duration) *ViewReader {
	return &ViewReader{session: session, registry: registry, cache: cache, pointers: map[string]*pointer{}}
}

// Read runs one SELECT on what serves, with {view} in place of the table, and returns the rows and the name of the
// physical view that they came from. The time is what is asked for, and zero for a view without a window.
func (r *ViewReader) Read(
	ctx context.Context, keyspace, view string, at time.Time, cql string, values ...any,
) ([]map[string]any, string, error) {
	on := keyspace + "." + view
	last, isDue := r.last(on)
	if isDue {
		var err error
		if last, err = r.ask(ctx, keyspace, view, last); err != nil {
			return nil, "", err
		}
	}
	name, err := find(last, on, at)
	if err != nil {
		return nil, "", err
	}
	rows, err := r.run(ctx, keyspace, name, cql, values)
	if err == nil || ctx.Err() != nil {
		return rows, name, err
	}
	now, unknown := r.ask(ctx, keyspace, view, nil)
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

// last returns the last answer, and whether this caller is the one to ask again; others keep using it meanwhile.
func (r *ViewReader) last(on string) (*pointer, bool) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	last, now := r.pointers[on], time.Now()
	if last == nil {
		return nil, true
	}
	isDue := !now.Before(last.due)
	if isDue {
		last.due = now.Add(r.cache)
	}
	return last, isDue
}

// ask asks the registry; it keeps using the last answer while the registry cannot be read. It does not end with the
// caller's context, whose deadline tells nothing about the registry.
func (r *ViewReader) ask(ctx context.Context, keyspace, view string, last *pointer) (*pointer, error) {
	on := keyspace + "." + view
	began := time.Now()
	limit := 10 * time.Second
	if last != nil {
		limit = 2 * time.Second
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	var found []map[string]string
	err := r.session.Query(
		"SELECT DISTINCT keyspace_name, view_name, read_from FROM "+quoted(r.registry)+
			".views WHERE keyspace_name = ? AND view_name = ?", keyspace, view,
	).Consistency(gocql.LocalQuorum).Idempotent(true).ScanContext(ctx, &keyspace, &view, &found)
	switch {
	case errors.Is(err, gocql.ErrNotFound): // no entries
	case err != nil && last != nil:
		r.mutex.Lock()
		defer r.mutex.Unlock()
		last.due = time.Now().Add(r.cache)
		return last, nil
	case err != nil:
		return nil, err
	}
	entries := make([]entry, len(found))
	for place, each := range found {
		entries[place].name = each["name"]
		for key, bound := range map[string]*time.Time{"start": &entries[place].start, "end": &entries[place].end} {
			if text, isGiven := each[key]; isGiven {
				if *bound, err = time.Parse(time.RFC3339, text); err != nil {
					return nil, err
				}
			}
		}
	}
	return r.keep(on, &pointer{entries, began, began.Add(r.cache)}), nil
}

// keep stores an answer unless one that was asked for later is there, and returns the newer of the two.
func (r *ViewReader) keep(on string, found *pointer) *pointer {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	stored := r.pointers[on]
	switch {
	case stored != nil && !found.began.After(stored.began):
		return stored
	case len(found.entries) == 0:
		delete(r.pointers, on)
	default:
		r.pointers[on] = found
	}
	return found
}

func find(known *pointer, on string, at time.Time) (string, error) {
	if len(known.entries) == 0 {
		return "", fmt.Errorf("%s: nothing serves it, or the registry knows no such view: %w", on, ErrNotServed)
	}
	first := known.entries[0]
	if at.IsZero() && (len(known.entries) > 1 || !first.start.IsZero() || !first.end.IsZero()) {
		return "", fmt.Errorf("%s has a window: give a time", on)
	}
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
