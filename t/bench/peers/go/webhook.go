// The peer: net/http and pgx, doing what the module does with a webhook, as
// webhook.js and store.js do it.  ROWS=1: an event a call.  Above that, what
// waits while a commit is under way goes with the next, up to so many rows.
package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgx/v4/pgxpool"
)

const (
	record = "SELECT tavus.record($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, " +
		"$11)"
	proof   = `{"method":"signature","key_id":"k1"}`
	maxBody = 8 << 20
)

var (
	secret = []byte(os.Getenv("SECRET"))
	rows   = number("ROWS")
	queue  = make(chan *event, 1024)
	pool   *pgxpool.Pool
)

type event struct {
	Type         string `json:"event_type"`
	Conversation string `json:"conversation_id"`
	Timestamp    string `json:"timestamp"`

	id       [16]byte
	received time.Time
	body     []byte
	err      error
	done     chan struct{}
}

func number(name string) int {
	n, err := strconv.Atoi(os.Getenv(name))
	if err != nil {
		log.Fatal(name, ": ", err)
	}
	return n
}

// UUIDv7: the event's milliseconds, then the head of SHA-256 over its identity
func eventID(at time.Time, parts ...string) (id [16]byte) {
	digest := sha256.Sum256([]byte(strings.Join(parts, "\x00")))

	binary.BigEndian.PutUint64(id[:], uint64(at.UnixMilli())<<16)
	copy(id[6:], digest[:10])
	id[6] = 0x70 | id[6]&0x0f
	id[8] = 0x80 | id[8]&0x3f

	return id
}

func verified(body []byte, signature string) bool {
	given, err := hex.DecodeString(signature)
	if err != nil {
		return false
	}

	mac := hmac.New(sha256.New, secret)
	mac.Write(body)

	return hmac.Equal(mac.Sum(nil), given)
}

// Returns when the events are committed, or not, as each says.
func store(events []*event) error {
	n := len(events)
	ids := make([][16]byte, n)
	received := make([]time.Time, n)
	kinds := make([]int16, n)
	sources := make([]string, n)
	types := make([]string, n)
	conversations := make([]*string, n)
	proofs := make([]string, n)
	bodies := make([][]byte, n)
	none := make([][]byte, n)
	reasons := make([]*string, n)

	for i, e := range events {
		ids[i], received[i], bodies[i] = e.id, e.received, e.body
		sources[i], types[i], proofs[i] = "tavus", e.Type, proof
		if e.Conversation != "" {
			conversations[i] = &e.Conversation
		}
	}

	// prepared when a connection is first asked
	var marks string
	err := pool.QueryRow(context.Background(), record, ids, received, none,
		kinds, sources, types, conversations, none, proofs, bodies,
		reasons).Scan(&marks)

	for i, e := range events {
		e.err = err
		if err == nil && !strings.Contains("sdq", marks[i:i+1]) {
			e.err = errors.New("mark " + marks[i:i+1])
		}
	}

	return err
}

// One a connection: stores what waits.
func gather() {
	for {
		batch := []*event{<-queue}
	more:
		for len(batch) < rows {
			select {
			case e := <-queue:
				batch = append(batch, e)
			default:
				break more
			}
		}

		// what is refused for one is not the fault of its neighbours
		var refused *pgconn.PgError
		err := store(batch)
		if len(batch) > 1 && errors.As(err, &refused) {
			for i := range batch {
				store(batch[i : i+1])
			}
		}

		for _, e := range batch {
			e.done <- struct{}{}
		}
	}
}

func answer(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	io.WriteString(w, `{"title":"`+http.StatusText(status)+`","status":`+
		strconv.Itoa(status)+`}`)
}

func webhook(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		answer(w, http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		answer(w, http.StatusBadRequest)
		return
	}

	if !verified(body, r.Header.Get("X-Tavus-Signature")) {
		answer(w, http.StatusUnauthorized)
		return
	}

	e := event{body: body, received: time.Now()}
	if json.Unmarshal(body, &e) != nil {
		answer(w, http.StatusBadRequest)
		return
	}
	at, err := time.Parse(time.RFC3339, e.Timestamp)
	if err != nil {
		answer(w, http.StatusBadRequest)
		return
	}
	e.id = eventID(at, "tavus", e.Conversation, e.Type, e.Timestamp)

	if rows > 1 {
		e.done = make(chan struct{}, 1)
		queue <- &e
		<-e.done
	} else {
		store([]*event{&e})
	}
	if e.err != nil {
		log.Print(e.err)
		answer(w, http.StatusServiceUnavailable)
		return
	}

	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, `{"received":true}`)
}

func main() {
	// libpq's environment says where
	config, err := pgxpool.ParseConfig("")
	if err != nil {
		log.Fatal(err)
	}
	config.MaxConns = int32(number("CONNECTIONS"))

	pool, err = pgxpool.ConnectConfig(context.Background(), config)
	if err != nil {
		log.Fatal(err)
	}

	for i := 0; rows > 1 && i < int(config.MaxConns); i++ {
		go gather()
	}

	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"),
		http.HandlerFunc(webhook)))
}
