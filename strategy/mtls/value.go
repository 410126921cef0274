package mtls

import (
	"bytes"
	"encoding/asn1"
	"unicode/utf16"
	"unicode/utf8"
)

// equals compares with the value in a certificate.
func (a attribute) equals(value asn1.RawValue) bool {
	if a.isDER {
		return bytes.Equal(a.der, value.FullBytes)
	}
	text, ok := stringOf(value)
	return ok && text == a.text
}

// stringOf decodes the string types of X.520's DirectoryString, and those of
// dc and emailAddress. What some programs read in one way and some in another,
// such as a TeletexString beyond ASCII, is no string.
func stringOf(value asn1.RawValue) (string, bool) {
	if value.Class != asn1.ClassUniversal || value.IsCompound {
		return "", false
	}
	switch value.Tag {
	case asn1.TagUTF8String:
		return string(value.Bytes), utf8.Valid(value.Bytes)
	case asn1.TagPrintableString, asn1.TagIA5String, asn1.TagNumericString, asn1.TagT61String:
		for _, b := range value.Bytes {
			if b >= utf8.RuneSelf {
				return "", false
			}
		}
		return string(value.Bytes), true
	case asn1.TagBMPString:
		return fromUTF16(value.Bytes)
	}
	return "", false
}

func fromUTF16(data []byte) (string, bool) {
	if len(data)%2 != 0 {
		return "", false
	}
	units := make([]uint16, 0, len(data)/2)
	for i := 0; i < len(data); i += 2 {
		unit := uint16(data[i])<<8 | uint16(data[i+1])
		if utf16.IsSurrogate(rune(unit)) {
			return "", false // a BMPString has none
		}
		units = append(units, unit)
	}
	return string(utf16.Decode(units)), true
}
