package admission

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// maxBody bounds an AdmissionReview, in bytes: two objects of the greatest size that an API server takes, and what is around them.
const maxBody = 7 << 20

// requestTimeout is how long a request may take to come, with its body. One from an API server is there within milliseconds.
const requestTimeout = 2500 * time.Millisecond

// roomPatience is how long a body waits for room.
const roomPatience = time.Second

// Why bodies are refused, as metrics say it.
const (
	tooLarge = "size"
	tooSlow  = "time"
	noRoom   = "room"
)

// Rooms of the server, in bytes: for bodies as they come, and for what judging makes of them. The greatest body has room in both.
const (
	bodyRoom  = 16 << 20
	judgeRoom = 32 << 20
)

// intake reads the bodies of requests before anybody judges them. All that are there at one time share one room, which each takes
// of as it comes and has until it is answered: what a request says of its length costs nothing. Those that are whole share another.
type intake struct {
	next            http.Handler
	bodies, judging *room
	refused         func(reason string)
}

func newIntake(next http.Handler, counted *reviewMetrics) *intake {
	return &intake{next: next, bodies: newRoom(bodyRoom), judging: newRoom(judgeRoom), refused: counted.refuse}
}

func (i *intake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	connection := http.NewResponseController(w)
	ctx, cancel := context.WithTimeout(r.Context(), roomPatience)
	defer cancel()
	coming := i.bodies.enter(func() {
		cancel()
		_ = connection.SetReadDeadline(time.Unix(1, 0))
	})
	defer coming.leave()
	body, size, err := coming.read(ctx, r)
	if err != nil {
		i.refuse(w, err)
		return
	}
	coming.keep()
	// The time was for the body. An HTTP/1 connection would end the review with it.
	_ = connection.SetReadDeadline(time.Time{})

	judged := i.judging.enter(nil)
	defer judged.leave()
	if err := judged.grow(ctx, bodyCopies*size+judgeCopies*min(size, largeObject)); err != nil {
		i.refuse(w, err)
		return
	}
	if size > 0 {
		r.Body = io.NopCloser(&body)
	}
	i.next.ServeHTTP(w, r)
}

// refuse says why there is no review.
func (i *intake) refuse(w http.ResponseWriter, err error) {
	var timeout net.Error
	switch {
	case errors.Is(err, errTooLarge):
		i.refused(tooLarge)
		http.Error(w, "the review is too large: it must be smaller than 7 MiB", http.StatusRequestEntityTooLarge)
	case errors.Is(err, errNoRoom):
		i.refused(noRoom)
		http.Error(w, "the server is busy with other reviews, and has no room for one of this size; try again", http.StatusServiceUnavailable)
	case errors.As(err, &timeout) && timeout.Timeout():
		i.refused(tooSlow)
		http.Error(w, "the review did not come in time", http.StatusRequestTimeout)
	default:
		http.Error(w, "the review could not be read", http.StatusBadRequest)
	}
}

var (
	errTooLarge = errors.New("the body is too large")
	errNoRoom   = errors.New("there is no room for the body")
)

// requestSize is what a request takes beside its body.
const requestSize = 8 << 10

// What judging makes of each byte of a body: the object that is cut out of it and what that is decoded into; and then what rules make
// of it, but of large objects they judge one at a time.
const (
	bodyCopies  = 2
	judgeCopies = 20
)

// Bodies are read in pieces, each as large as all before it within these bounds.
const (
	minPiece = 4 << 10
	maxPiece = 256 << 10
)

// read reads a body of any length piece by piece, and claims the room for each before.
func (c *claim) read(ctx context.Context, r *http.Request) (body net.Buffers, size int, err error) {
	if r.ContentLength >= maxBody {
		return nil, 0, errTooLarge
	}
	if err := c.grow(ctx, requestSize); err != nil {
		return nil, 0, err
	}
	for ended := false; !ended && int64(size) != r.ContentLength; {
		length := pieceAfter(size, r.ContentLength)
		if err := c.grow(ctx, length); err != nil {
			return nil, 0, err
		}
		piece := make([]byte, length)
		if length, ended, err = fill(r.Body, piece); err != nil {
			return nil, 0, err
		}
		if size += length; size >= maxBody {
			return nil, 0, errTooLarge
		}
		body = append(body, piece[:length])
	}
	return body, size, nil
}

// pieceAfter is the length of the next piece of a body of this length, which is less than 0 where that is not known.
func pieceAfter(size int, length int64) int {
	piece := min(max(size, minPiece), maxPiece)
	if length < 0 {
		return piece
	}
	return int(min(int64(piece), length-int64(size)))
}

// fill reads until the piece is full or the body has ended.
func fill(body io.Reader, piece []byte) (n int, ended bool, err error) {
	for n < len(piece) && err == nil {
		var more int
		more, err = body.Read(piece[n:])
		n += more
	}
	if errors.Is(err, io.EOF) {
		return n, true, nil
	}
	return n, false, err
}
