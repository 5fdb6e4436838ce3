package simulator

import (
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

func serve(c *cloud.Cloud, handler http.Handler, o CloudOptions, authority *authority) (*Endpoint, error) {
	if o.Change != nil {
		c.Change(o.Change)
	}
	for _, a := range o.Accounts {
		c.PutAccount(a)
	}
	for _, z := range o.Zones {
		if _, err := c.PutZone(z); err != nil {
			return nil, err
		}
	}
	address := o.Address
	if address == "" {
		address = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	e := &Endpoint{Cloud: c, Handler: handler, Address: listener.Addr().String(), URL: "http://" + listener.Addr().String()}
	if authority != nil {
		e.URL = "https://" + e.Address
		listener = tls.NewListener(listener, authority.serverConfig())
	}
	e.server = &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		// What goes wrong here goes wrong on purpose, or on the client's side, which reports it.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	e.done = make(chan struct{})
	go func() {
		defer close(e.done)
		_ = e.server.Serve(listener) // it ends when the server is closed
	}()
	return e, nil
}

func (e *Endpoint) stop() error {
	e.Cloud.Close()
	err := e.server.Close()
	<-e.done
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
