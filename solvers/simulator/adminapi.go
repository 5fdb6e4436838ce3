package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/certyun/certyun/solvers/simulator/admin"
	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// AdminHandler serves the admin API of a world, as package admin describes it. The URL is where it will be served.
func (w *World) AdminHandler(url string) http.Handler {
	api := adminAPI{world: w, url: url}
	mux := http.NewServeMux()
	plain := func(pattern string, answer func(*http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(out http.ResponseWriter, r *http.Request) { respond(out, r, answer) })
	}
	ofCloud := func(pattern string, answer func(*cloud.Cloud, *http.Request) (any, error)) {
		plain(pattern, func(r *http.Request) (any, error) {
			c, err := w.cloudNamed(r.URL.Query().Get("cloud"))
			if err != nil {
				return nil, err
			}
			return answer(c, r)
		})
	}
	ofCloud("GET /records", getRecords)
	ofCloud("POST /records", postRecord)
	ofCloud("DELETE /records", deleteRecord)
	ofCloud("GET /zones", getZones)
	ofCloud("POST /zones", postZone)
	ofCloud("DELETE /zones", deleteZone)
	ofCloud("GET /accounts", getAccounts)
	ofCloud("POST /accounts", postAccount)
	ofCloud("DELETE /accounts", deleteAccount)
	ofCloud("GET /calls", getCalls)
	ofCloud("DELETE /calls", deleteCalls)
	ofCloud("GET /faults", getFaults)
	ofCloud("POST /faults", postFault)
	ofCloud("DELETE /faults", deleteFaults)
	ofCloud("GET /settings", getSettings)
	ofCloud("POST /settings", postSettings)
	ofCloud("PUT /settings", putSettings)
	plain("GET /endpoints", api.getEndpoints)
	plain("GET /dns", api.getDNS)
	plain("POST /dns", api.postDNS)
	plain("GET /queries", api.getQueries)
	plain("DELETE /queries", api.deleteQueries)
	plain("DELETE /cache", api.deleteCache)
	return mux
}

// Endpoints are where the world listens. The URL is that of its admin API.
func (w *World) Endpoints(adminURL string) admin.Endpoints {
	return admin.Endpoints{
		Alidns: w.Alidns.URL, DNSPod: w.DNSPod.URL, NameServers: w.DNS.Addresses(),
		Recursive: w.Recursive.Address(), Validation: w.Validation.Address(), Admin: adminURL, CA: string(w.CA),
	}
}

func (w *World) cloudNamed(name string) (*cloud.Cloud, error) {
	switch name {
	case admin.Alidns:
		return w.Alidns.Cloud, nil
	case admin.DNSPod:
		return w.DNSPod.Cloud, nil
	}
	return nil, fmt.Errorf("cloud %q: want %s or %s", name, admin.Alidns, admin.DNSPod)
}

func respond(out http.ResponseWriter, r *http.Request, answer func(*http.Request) (any, error)) {
	status := http.StatusOK
	content, err := answer(r)
	if err != nil {
		status, content = http.StatusBadRequest, map[string]string{"error": err.Error()}
	}
	text, err := json.Marshal(content)
	if err != nil {
		http.Error(out, err.Error(), http.StatusInternalServerError)
		return
	}
	out.Header().Set("Content-Type", "application/json")
	out.WriteHeader(status)
	_, _ = out.Write(append(text, '\n')) // the client may be gone; there is nobody else to tell
}

// maxRequest bounds what is read of a request.
const maxRequest = 10 << 20

func read(r *http.Request, into any) error {
	text, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

// list is never null in JSON.
func list[E any](l []E) []E {
	if l == nil {
		return []E{}
	}
	return l
}

// done is the answer of what has nothing to say.
type done struct{}

func getRecords(c *cloud.Cloud, r *http.Request) (any, error) {
	return list(c.Records(r.URL.Query().Get("zone"))), nil
}

func postRecord(c *cloud.Cloud, r *http.Request) (any, error) {
	var record cloud.Record
	if err := read(r, &record); err != nil {
		return nil, err
	}
	return c.AddRecord(record.Owner, record.Zone, record)
}

func deleteRecord(c *cloud.Cloud, r *http.Request) (any, error) {
	id, err := strconv.ParseUint(r.URL.Query().Get("id"), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("id %q: not a number", r.URL.Query().Get("id"))
	}
	if err := c.RemoveRecord(id); err != nil {
		return nil, err
	}
	return done{}, nil
}

func getZones(c *cloud.Cloud, _ *http.Request) (any, error) { return list(c.Zones("")), nil }

func postZone(c *cloud.Cloud, r *http.Request) (any, error) {
	var zone cloud.Zone
	if err := read(r, &zone); err != nil {
		return nil, err
	}
	return c.PutZone(zone)
}

func deleteZone(c *cloud.Cloud, r *http.Request) (any, error) {
	if err := c.RemoveZone(r.URL.Query().Get("owner"), r.URL.Query().Get("zone")); err != nil {
		return nil, err
	}
	return done{}, nil
}

func getAccounts(c *cloud.Cloud, _ *http.Request) (any, error) { return list(c.Accounts()), nil }

func postAccount(c *cloud.Cloud, r *http.Request) (any, error) {
	var account cloud.Account
	if err := read(r, &account); err != nil {
		return nil, err
	}
	c.PutAccount(account)
	return done{}, nil
}

func deleteAccount(c *cloud.Cloud, r *http.Request) (any, error) {
	c.RemoveAccount(r.URL.Query().Get("owner"))
	return done{}, nil
}

func getCalls(c *cloud.Cloud, r *http.Request) (any, error) {
	action := r.URL.Query().Get("action")
	return list(slices.DeleteFunc(c.Calls(), func(call cloud.Call) bool { return action != "" && call.Action != action })), nil
}

func deleteCalls(c *cloud.Cloud, _ *http.Request) (any, error) {
	c.ResetCalls()
	return done{}, nil
}

func getFaults(c *cloud.Cloud, _ *http.Request) (any, error) { return list(c.Faults()), nil }

func postFault(c *cloud.Cloud, r *http.Request) (any, error) {
	var fault cloud.Fault
	if err := read(r, &fault); err != nil {
		return nil, err
	}
	id, err := c.Inject(fault)
	fault.ID = id
	return fault, err
}

func deleteFaults(c *cloud.Cloud, _ *http.Request) (any, error) {
	c.ClearFaults()
	return done{}, nil
}

func getSettings(c *cloud.Cloud, _ *http.Request) (any, error) { return c.Settings(), nil }

func postSettings(c *cloud.Cloud, r *http.Request) (any, error) {
	return replaceSettings(c, r, c.Settings())
}

func putSettings(c *cloud.Cloud, r *http.Request) (any, error) {
	return replaceSettings(c, r, cloud.Settings{})
}

// replaceSettings reads what the request names over the settings given, and makes them the cloud's.
func replaceSettings(c *cloud.Cloud, r *http.Request, settings cloud.Settings) (any, error) {
	if err := read(r, &settings); err != nil {
		return nil, err
	}
	c.Change(func(s *cloud.Settings) { *s = settings })
	return settings, nil
}

type adminAPI struct {
	world *World
	url   string
}

func (a adminAPI) getEndpoints(*http.Request) (any, error) { return a.world.Endpoints(a.url), nil }

func (a adminAPI) getDNS(*http.Request) (any, error) {
	delay, cache, hide := a.world.DNS.Delay().String(), a.world.Recursive.Caching(), a.world.Recursive.HidesSOA()
	return admin.DNS{Delay: &delay, NameServers: a.world.DNS.NameServers(), Cache: &cache, HideSOA: &hide}, nil
}

func (a adminAPI) postDNS(r *http.Request) (any, error) {
	var change admin.DNS
	if err := read(r, &change); err != nil {
		return nil, err
	}
	w := a.world
	if change.Delay != nil {
		delay, err := time.ParseDuration(*change.Delay)
		if err != nil {
			return nil, fmt.Errorf("delay %q: not a duration", *change.Delay)
		}
		w.DNS.SetDelay(delay)
	}
	for _, ns := range change.NameServers {
		if err := w.DNS.ChangeNameServer(ns.Name, ns.Mode, ns.Delay); err != nil {
			return nil, err
		}
	}
	if change.Cache != nil {
		w.Recursive.SetCache(*change.Cache)
	}
	if change.HideSOA != nil {
		w.Recursive.SetHideSOA(*change.HideSOA)
	}
	w.DNS.AddZones(change.Zones...)
	if err := w.DNS.AddRecords(change.Records...); err != nil {
		return nil, err
	}
	return done{}, nil
}

func (a adminAPI) getQueries(*http.Request) (any, error) { return list(a.world.DNS.Queries()), nil }

func (a adminAPI) deleteQueries(*http.Request) (any, error) {
	a.world.DNS.ResetQueries()
	return done{}, nil
}

func (a adminAPI) deleteCache(*http.Request) (any, error) {
	a.world.Recursive.Flush()
	a.world.Validation.Flush()
	return done{}, nil
}
