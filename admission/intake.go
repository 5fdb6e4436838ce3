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

// intake reads the bodies of requests before anybody judges them. All that are there at one time share one room, which each takes
// of as it comes and has until it is answered: what a request says of its length costs nothing.
type intake struct {
	next    http.Handler
	room    *room
	refused func(reason string)
}

func newIntake(next http.Handler, counted *reviewMetrics) *intake {
	return &intake{next: next, room: newRoom(), refused: counted.refuse}
}

func (i *intake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, release, err := i.take(w, r)
	if err != nil {
		i.refuse(w, err)
		return
	}
	defer release()
	if len(body) > 0 {
		r.Body = io.NopCloser(&body)
	}
	i.next.ServeHTTP(w, r)
}

// take reads the body. Whoever has it releases its room.
func (i *intake) take(w http.ResponseWriter, r *http.Request) (body net.Buffers, release func(), err error) {
	connection := http.NewResponseController(w)
	ctx, cancel := context.WithTimeout(r.Context(), roomPatience)
	defer cancel()
	c := i.room.enter(func() {
		cancel()
		_ = connection.SetReadDeadline(time.Unix(1, 0))
	})
	if body, err = c.read(ctx, r); err != nil {
		c.leave()
		return nil, nil, err
	}
	c.keep()
	// The time was for the body. An HTTP/1 connection would end the review with it.
	_ = connection.SetReadDeadline(time.Time{})
	return body, c.leave, nil
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

// What a request takes beside its body, and what each byte of the body comes to: itself, the object that is cut out of it, and what
// that is decoded into.
const (
	requestSize = 16 << 10
	bodyCopies  = 3
)

// Bodies are read in pieces, each as large as all before it within these bounds.
const (
	minPiece = 4 << 10
	maxPiece = 256 << 10
)

// read reads a body of any length piece by piece, and claims the room for each before.
func (c *claim) read(ctx context.Context, r *http.Request) (body net.Buffers, err error) {
	if r.ContentLength >= maxBody {
		return nil, errTooLarge
	}
	if err := c.grow(ctx, requestSize); err != nil {
		return nil, err
	}
	for size, ended := 0, false; !ended && int64(size) != r.ContentLength; {
		length := pieceAfter(size, r.ContentLength)
		if err := c.grow(ctx, bodyCopies*length); err != nil {
			return nil, err
		}
		piece := make([]byte, length)
		if length, ended, err = fill(r.Body, piece); err != nil {
			return nil, err
		}
		if size += length; size >= maxBody {
			return nil, errTooLarge
		}
		body = append(body, piece[:length])
	}
	return body, nil
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
