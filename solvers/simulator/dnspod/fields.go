package dnspod

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
)

// fields are the parameters of a request. Numbers are json.Number, so that they stay exact.
type fields map[string]any

// parseFields reads one JSON object.
func parseFields(payload []byte) (fields, error) {
	var f fields
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber()
	if err := decoder.Decode(&f); err != nil {
		return nil, err
	}
	if f == nil || decoder.More() {
		return nil, errors.New("not one JSON object")
	}
	// An absent parameter may be spelled null.
	maps.DeleteFunc(f, func(_ string, value any) bool { return value == nil })
	return f, nil
}

// plain are the fields for the log, without the token that says who asks.
func (f fields) plain() map[string]string {
	texts := map[string]string{}
	for name, value := range f {
		if name != "WebIdentityToken" {
			texts[name] = fmt.Sprint(value)
		}
	}
	return texts
}

func wrongType(name, want string) error {
	return refuse("InvalidParameter", "The value type of parameter `"+name+"` is not valid. It should be "+want+".")
}

func missing(name string) error {
	return refuse("MissingParameter", "The request is missing a required parameter `"+name+"`.")
}

// text is a text field; "" where it is absent.
func (f fields) text(name string) (string, error) {
	text, ok := f[name].(string)
	if !ok && f[name] != nil {
		return "", wrongType(name, "String")
	}
	return text, nil
}

// need is a text field that the action can not do without.
func (f fields) need(name string) (string, error) {
	text, err := f.text(name)
	if err == nil && text == "" {
		err = missing(name)
	}
	return text, err
}

// number is an exact whole number; given says whether it is there.
func (f fields) number(name string) (n uint64, given bool, err error) {
	if f[name] == nil {
		return 0, false, nil
	}
	text, _ := f[name].(json.Number)
	if n, err = strconv.ParseUint(text.String(), 10, 64); err != nil {
		return 0, true, wrongType(name, "Integer")
	}
	return n, true, nil
}
