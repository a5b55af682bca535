package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/wire"
)

// shows reports whether a text has the password of sixteen bytes 0xab, or the text of a token with it.
func shows(text string, tokens ...[]byte) bool {
	for _, form := range []string{"abab", "ABAB", "171 171", "171,171", "0xab, 0xab", "\xab\xab", `\xab\xab`} {
		if strings.Contains(text, form) {
			return true
		}
	}
	for _, token := range tokens {
		if strings.Contains(text, string(token)) {
			return true
		}
	}
	return false
}

// slog wrote the texts of tokens, and fmt the passwords of those that were unexported fields of somebody's struct.
func TestSecretsOfTokensAreNotPrinted(t *testing.T) {
	password := secretOf(wire.Password(bytes.Repeat([]byte{0xab}, wire.PasswordBytes)))
	h := Handover{id: 31, secret: password, timeout: time.Second}
	w := WriteID{session: 31, secret: password, seq: 7, kind: wire.Create}
	type fields struct {
		handover Handover
		write    WriteID
		Handover Handover
		Write    WriteID
	}
	hText, _ := h.MarshalText()
	wText, _ := w.MarshalText()
	for _, value := range []any{
		h, &h, w, &w, fields{h, w, h, w}, &fields{h, w, h, w}, []fields{{h, w, h, w}}, map[string]WriteID{"w": w}, map[WriteID]Handover{w: h},
		&Error{write: &w}, Error{write: &w}, &WaitError{Cause: context.Canceled, write: &w}, Config{Handover: h},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%d", "%x", "%X", "%s", "%q", "%c"} {
			if text := fmt.Sprintf(verb, value); shows(text, hText, wText) {
				t.Errorf("%s of %T prints %s", verb, value, text)
			}
		}
	}
	var out bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Info("x", "h", h, "w", w)
	}
	if text := out.String(); shows(text, hText, wText) || strings.Count(text, h.String()) != 2*2 || strings.Count(text, w.String()) != 2 {
		t.Errorf("slog writes %s", text)
	}
}

func TestTokensAreValues(t *testing.T) {
	for _, p := range []wire.Password{{}, {15: 1}, {1}} {
		text, err := Handover{id: 1, secret: secretOf(p), timeout: time.Second}.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		one, _ := ParseHandover(string(text))
		other, err := ParseHandover(string(text))
		if err != nil || one != other || one.secret.password() != p {
			t.Errorf("%v: %v, %v", p, one, err)
		}
	}
}

// An encoder that asks for the text gets it: that is how a token is kept in a file.
func TestTokensCanBeKeptAsJSON(t *testing.T) {
	type kept struct {
		Session Handover
		Write   *WriteID
	}
	w := WriteID{session: 31, secret: secretOf(wire.Password{1}), seq: 7, kind: wire.Create}
	before := kept{Handover{id: 31, secret: w.secret, timeout: time.Second}, &w}
	text, err := json.Marshal(before)
	if err != nil {
		t.Fatal(err)
	}
	var after kept
	if err := json.Unmarshal(text, &after); err != nil || after.Session != before.Session || *after.Write != w {
		t.Errorf("%s: %v, %v", text, after, err)
	}
}
