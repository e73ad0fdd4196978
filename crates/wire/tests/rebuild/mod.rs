//! The bytes of a parsed value again, for values that the program only reads: what `parse` accepts comes back byte for
//! byte. Written from the formats, and not from the parsers. Shared with the fuzz targets.

use wire::certificate::{Certificate, CertificateKind, CertificateToSign};
use wire::key::PublicKey;
use wire::signature::{Signature, Trailer};
use wire::sudo::SudoRequest;
use wire::userauth::{Method, UserauthRequest};
use wire::writer::Writer;

pub trait Rebuild {
    fn rebuild(&self) -> Vec<u8>;
}

impl Rebuild for PublicKey<'_> {
    fn rebuild(&self) -> Vec<u8> {
        match self {
            Self::Plain(key) => key.rebuild(),
            Self::Certificate(certificate) => certificate.rebuild(),
        }
    }
}

impl Rebuild for Certificate<'_> {
    fn rebuild(&self) -> Vec<u8> {
        Writer::build(|writer| {
            let terms: &CertificateToSign<'_> = self;
            writer.raw(&terms.rebuild()).string(self.signature);
        })
    }
}

impl Rebuild for CertificateToSign<'_> {
    fn rebuild(&self) -> Vec<u8> {
        Writer::build(|writer| {
            let key = self.key.rebuild();
            let after_name = 4 + self.key.algorithm().len();
            writer
                .string(self.algorithm)
                .string(self.nonce)
                .raw(&key[after_name..])
                .u64(self.serial)
                .u32(match self.kind {
                    CertificateKind::User => 1,
                    CertificateKind::Host => 2,
                })
                .string(self.key_id)
                .nested(|inside| {
                    for name in &self.principals {
                        inside.string(name);
                    }
                })
                .u64(self.valid_after)
                .u64(self.valid_before)
                .nested(|inside| write_options(inside, &self.critical_options))
                .nested(|inside| write_options(inside, &self.extensions))
                .string(self.reserved)
                .string(self.signature_key);
        })
    }
}

fn write_options(writer: &mut Writer, options: &[(&[u8], &[u8])]) {
    for (name, data) in options {
        writer.string(name).string(data);
    }
}

impl Rebuild for Signature<'_> {
    fn rebuild(&self) -> Vec<u8> {
        Writer::build(|writer| {
            writer.string(self.algorithm).string(self.blob);
            match self.trailer {
                Trailer::None => writer,
                Trailer::Sk { flags, counter } => writer.u8(flags).u32(counter),
                Trailer::Webauthn {
                    flags,
                    counter,
                    origin,
                    client_data,
                    extensions,
                } => writer
                    .u8(flags)
                    .u32(counter)
                    .string(origin)
                    .string(client_data)
                    .string(extensions),
                Trailer::Opaque(rest) => writer.raw(rest),
            };
        })
    }
}

impl Rebuild for UserauthRequest<'_> {
    fn rebuild(&self) -> Vec<u8> {
        Writer::build(|writer| {
            writer
                .string(self.session_id)
                .u8(50)
                .string(self.user)
                .string(self.service)
                .string(match self.method {
                    Method::Publickey => "publickey",
                    Method::Hostbound { .. } => "publickey-hostbound-v00@openssh.com",
                })
                .bool(true)
                .string(self.algorithm)
                .string(self.key);
            if let Method::Hostbound { host_key } = self.method {
                writer.string(host_key);
            }
        })
    }
}

impl Rebuild for SudoRequest<'_> {
    fn rebuild(&self) -> Vec<u8> {
        Writer::build(|writer| {
            writer
                .nested(|session| write_session(self, session))
                .u8(54)
                .string(self.ruser)
                .string("pam_ssh_agent_auth")
                .string("publickey")
                .bool(true)
                .string(self.algorithm)
                .string(self.key);
        })
    }
}

fn write_session(sudo: &SudoRequest<'_>, writer: &mut Writer) {
    writer
        .u32(101)
        .string(sudo.cookie)
        .string(sudo.user)
        .string(sudo.ruser)
        .string(sudo.service)
        .string(sudo.cwd)
        .nested(|action| {
            if let Some(arguments) = &sudo.action {
                action.u32(u32::try_from(arguments.len()).unwrap_or(u32::MAX));
                for argument in arguments {
                    action.string(argument);
                }
            }
        })
        .string(sudo.hostname)
        .u64(sudo.time);
}
