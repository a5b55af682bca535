package wire

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestPasswordIsNeverPrinted(t *testing.T) {
	secret := Password([]byte("sixteen letters!"))
	hello := Hello{Password: secret, Name: "n"}
	welcome := &Welcome{Password: secret}
	for _, value := range []any{secret, &secret, hello, welcome, []Password{secret}, map[string]any{"p": secret}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%q", "%d", "%o", "%c"} {
			if text := fmt.Sprintf(verb, value); strings.Contains(text, "sixteen") || strings.Contains(text, "7369787465") ||
				strings.Contains(text, "115") || strings.Contains(strings.ToLower(text), "0x73") {
				t.Errorf("%s of %T prints %s", verb, value, text)
			}
		}
		if text, err := json.Marshal(value); err != nil || !strings.Contains(string(text), redacted) {
			t.Errorf("JSON of %T: %s, %v", value, text, err)
		}
	}
	if secret.String() != redacted || secret.GoString() != redacted || secret.IsZero() || !(Password{}).IsZero() {
		t.Error("a password shows itself")
	}
}

func TestPasswordsOfAnotherLengthAreRefused(t *testing.T) {
	for _, n := range []int{0, 1, 15, 17, 32} {
		d := NewDecoder(AppendBytes(nil, make([]byte, n)))
		if decodePassword(&d); d.Err() == nil {
			t.Errorf("a password of %d bytes was accepted", n)
		}
	}
}
