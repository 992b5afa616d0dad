// What oidc-provider asks of the TLS connection (RFC 8705); without a connection or a certificate the answer is no.

import { isIP } from 'node:net';

export const getCertificate = (ctx) => ctx.socket.getPeerX509Certificate?.();

export const certificateAuthorized = (ctx) => ctx.socket.authorized === true;

// RFC 4514: the most specific part first, while OpenSSL prints it last.
const distinguishedName = (certificate) => certificate.subject.split('\n').reverse().join(',');

const alternatives = (certificate) => (certificate.subjectAltName ?? '').split(', ');

export function certificateSubjectMatches(ctx, property, expected) {
  const certificate = getCertificate(ctx);
  switch (property) {
    case 'tls_client_auth_subject_dn': return distinguishedName(certificate) === expected;
    case 'tls_client_auth_san_dns': return alternatives(certificate).includes(`DNS:${expected}`);
    case 'tls_client_auth_san_email': return alternatives(certificate).includes(`email:${expected}`);
    case 'tls_client_auth_san_uri': return alternatives(certificate).includes(`URI:${expected}`);
    case 'tls_client_auth_san_ip': return isIP(expected) !== 0 && certificate.checkIP(expected) === expected;
    default: return false;
  }
}
