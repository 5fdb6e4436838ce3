package cloud

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

// defaultTTL is what both clouds give a record that comes without a TTL.
const defaultTTL = 600

// Records lists all records there are, by id. An empty zone means all zones.
func (c *Cloud) Records(name string) []Record {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []Record
	for _, v := range c.records {
		if name == "" || v.zone.ascii == ASCII(name) {
			list = append(list, v.Record)
		}
	}
	slices.SortFunc(list, func(a, b Record) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// List returns the records of an account's zone, newest first, as a list action sees them: as they were before the list lag.
func (c *Cloud) List(owner, name string) ([]Record, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	z, err := c.ownZone(owner, name)
	if err != nil {
		return nil, err
	}
	listed := c.now().Add(-c.settings.ListLag)
	var list []Record
	for _, same := range z.names {
		for _, v := range same {
			if !v.at(listed) {
				continue
			}
			r := v.Record
			if r.Type == "TXT" && c.settings.QuoteTXT {
				r.Value = `"` + r.Value + `"`
			}
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b Record) int { return cmp.Compare(b.ID, a.ID) })
	return list, nil
}

// Record finds a record of an account by its id.
func (c *Cloud) Record(owner string, id uint64) (Record, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, err := c.ownRecord(owner, id)
	if err != nil {
		return Record{}, err
	}
	return v.Record, nil
}

// Create writes a new record, with all the checks of the cloud, and returns it with its id.
func (c *Cloud) Create(owner, name string, r Record) (Record, error) {
	z, err := c.beginWrite(func() (*zone, error) { return c.ownZone(owner, name) })
	if err != nil {
		return Record{}, err
	}
	defer c.mu.Unlock()
	z.writing = false
	if err := c.check(z, &r); err != nil {
		return Record{}, err
	}
	return c.insert(z, r, c.now()).Record, nil
}

// Update makes another record of an account's, which keeps its id, as people do in the console.
func (c *Cloud) Update(owner string, r Record) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, err := c.ownRecord(owner, r.ID)
	if err != nil {
		return err
	}
	v.until = c.now()
	c.insert(v.zone, r, c.now())
	return nil
}

// Delete removes a record.
func (c *Cloud) Delete(owner string, id uint64) error {
	z, err := c.beginWrite(func() (*zone, error) { return c.zoneOfRecord(owner, id) })
	if err != nil {
		return err
	}
	defer c.mu.Unlock()
	z.writing = false
	v, err := c.ownRecord(owner, id)
	switch {
	case err != nil:
		return err
	case v.Locked:
		return ErrRecordLocked
	}
	v.until = c.now()
	delete(c.records, id)
	return nil
}

// beginWrite marks the zone as being written, waits for the time that a write takes, and returns with the state locked. Only
// an error leaves it unlocked.
func (c *Cloud) beginWrite(find func() (*zone, error)) (*zone, error) {
	c.mu.Lock()
	z, err := find()
	if err == nil {
		err = c.writable(z)
	}
	if err != nil {
		c.mu.Unlock()
		return nil, err
	}
	takes := c.settings.WriteTime
	if takes <= 0 {
		return z, nil
	}
	z.writing = true
	c.mu.Unlock()
	c.wait(context.Background(), takes)
	c.mu.Lock()
	return z, nil
}

func (c *Cloud) writable(z *zone) error {
	switch {
	case z.Status == ZoneLocked:
		return ErrZoneLocked
	case z.Status == ZoneSpam:
		return ErrZoneSpam
	case z.writing && c.settings.RejectOverlappingWrites:
		return ErrOverlap
	}
	return nil
}

func (c *Cloud) zoneOfRecord(owner string, id uint64) (*zone, error) {
	v, err := c.ownRecord(owner, id)
	if err != nil {
		return nil, err
	}
	return v.zone, nil
}

func (c *Cloud) ownRecord(owner string, id uint64) (*version, error) {
	v, ok := c.records[id]
	switch {
	case !ok:
		return nil, ErrNoRecord
	case v.zone.Owner != owner:
		return nil, ErrForeignRecord
	}
	return v, nil
}

// check applies the rules for a record that is to be written.
func (c *Cloud) check(z *zone, r *Record) error {
	lowest := c.MinTTL(z.Edition)
	if r.TTL == 0 {
		r.TTL = max(defaultTTL, lowest)
	}
	if r.TTL < lowest {
		return ErrTTL
	}
	same := 0
	for _, v := range z.names[asciiRR(r.RR)] {
		switch {
		case !v.live() || v.Line != r.Line:
		case v.Type == r.Type && v.Value == r.Value:
			return ErrDuplicate
		case v.Type == r.Type:
			same++
		case v.Type == "CNAME" || r.Type == "CNAME":
			return ErrConflict
		}
	}
	if c.settings.RecordLimit > 0 && same >= c.settings.RecordLimit {
		return ErrRecordLimit
	}
	return nil
}

// insert stores a record, with a new id unless it has one.
func (c *Cloud) insert(z *zone, r Record, since time.Time) *version {
	if r.ID == 0 {
		r.ID = c.nextID
		c.nextID++
	}
	c.nextID = max(c.nextID, r.ID+1)
	r.Owner, r.Zone, r.Type = z.Owner, z.Name, strings.ToUpper(r.Type)
	if r.RR == "" {
		r.RR = "@"
	}
	if r.Line == "" {
		r.Line = c.line
	}
	if r.TTL == 0 {
		r.TTL = defaultTTL
	}
	v := &version{Record: r, zone: z, since: since}
	key := asciiRR(r.RR)
	z.names[key] = append(c.prune(z.names[key]), v)
	c.records[r.ID] = v
	return v
}

// prune forgets what has been gone for longer than the history.
func (c *Cloud) prune(versions []*version) []*version {
	past := c.now().Add(-history)
	return slices.DeleteFunc(versions, func(v *version) bool { return !v.live() && v.until.Before(past) })
}
