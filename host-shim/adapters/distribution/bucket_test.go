// SPDX-License-Identifier: Apache-2.0

package regstore

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go/aws"
	"github.com/aws/aws-sdk-go/aws/credentials"
	"github.com/aws/aws-sdk-go/aws/session"
	"github.com/aws/aws-sdk-go/service/s3"
)

// bucket is a second opinion on what lies in one, by another client and with the user's own keys.
type bucket struct {
	api      *s3.S3
	name     string
	endpoint string
	key      string
	secret   string
}

const storagePath = "datastorage/"

func newBucket(t *testing.T, env map[string]string, prefix string) *bucket {
	t.Helper()
	t.Setenv("AWS_CA_BUNDLE", "") // Go's client wants to read it, also for plain HTTP
	b := &bucket{
		name:     env[prefix+"BUCKET"],
		endpoint: env[prefix+"ENDPOINT"],
		key:      env[prefix+"USER_ACCESS_KEY"],
		secret:   env[prefix+"USER_SECRET_KEY"],
	}
	s, err := session.NewSession(&aws.Config{
		Credentials:      credentials.NewStaticCredentials(b.key, b.secret, ""),
		Endpoint:         aws.String(b.endpoint),
		Region:           aws.String("us-east-1"),
		S3ForcePathStyle: aws.Bool(true),
	})
	must(t, err)
	b.api = s3.New(s)
	return b
}

func (b *bucket) keys(t *testing.T) []string {
	t.Helper()
	var found []string
	must(t, b.api.ListObjectsV2Pages(&s3.ListObjectsV2Input{Bucket: &b.name, Prefix: aws.String(storagePath)},
		func(page *s3.ListObjectsV2Output, _ bool) bool {
			for _, object := range page.Contents {
				found = append(found, strings.TrimPrefix(*object.Key, storagePath))
			}
			return true
		}))
	return found
}

func (b *bucket) unfinished(t *testing.T) []string {
	t.Helper()
	var found []string
	must(t, b.api.ListMultipartUploadsPages(&s3.ListMultipartUploadsInput{Bucket: &b.name, Prefix: aws.String(storagePath)},
		func(page *s3.ListMultipartUploadsOutput, _ bool) bool {
			for _, upload := range page.Uploads {
				found = append(found, "unfinished: "+strings.TrimPrefix(*upload.Key, storagePath))
			}
			return true
		}))
	return found
}

func (b *bucket) empty(t *testing.T) {
	t.Helper()
	for _, key := range b.keys(t) {
		_, err := b.api.DeleteObject(&s3.DeleteObjectInput{Bucket: &b.name, Key: aws.String(storagePath + key)})
		must(t, err)
	}
}
