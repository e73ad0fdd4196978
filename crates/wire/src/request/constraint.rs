use std::mem::discriminant;

use crate::Malformed;
use crate::key::PublicKey;
use crate::limits::MAX_CONSTRAINTS;
use crate::reader::Reader;
use crate::writer::Writer;

const LIFETIME: u8 = 1;
const CONFIRM: u8 = 2;
const MAX_SIGNATURES: u8 = 3;
const EXTENSION: u8 = 255;
const SK_PROVIDER: &str = "sk-provider@openssh.com";
const RESTRICT_DESTINATION: &str = "restrict-destination-v00@openssh.com";
const ASSOCIATED_CERTS: &str = "associated-certs-v00@openssh.com";

const KNOWN: &str = "a known constraint, once each";

/// A limit that an agent is asked to put on a key that it takes (RFC 9987 §5.2, PROTOCOL.agent).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Constraint<'a> {
    /// Forget the key after so many seconds.
    Lifetime(u32),
    /// Ask a person for each use.
    Confirm,
    /// Forget the key after so many signatures; PROTOCOL.agent had it for XMSS keys once.
    MaxSignatures(u32),
    /// The library that speaks to the security key. ssh-agent **loads and runs** it.
    SkProvider(&'a [u8]),
    /// Use the key only along these hops.
    RestrictDestination(Vec<DestinationConstraint<'a>>),
    /// Certificates for keys of a token.
    AssociatedCerts {
        /// Whether to leave the plain keys out.
        certs_only: bool,
        /// Certificates as blobs; proper [`PublicKey`]s.
        certs: Vec<&'a [u8]>,
    },
}

/// One hop that a key may be used on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationConstraint<'a> {
    /// Where the request comes from; no host name and no keys: from the agent's own host.
    pub from: Hop<'a>,
    /// Where it goes.
    pub to: Hop<'a>,
}

/// One end of a hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop<'a> {
    /// A pattern; empty: any user.
    pub user: &'a [u8],
    /// For people.
    pub hostname: &'a [u8],
    /// The host's keys.
    pub keys: Vec<HopKey<'a>>,
}

/// One key of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HopKey<'a> {
    /// The blob; a proper [`PublicKey`].
    pub key: &'a [u8],
    /// Whether it is a CA that certifies the host.
    pub is_ca: bool,
}

/// What the constraints are for: each allows one extension that the other does not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    Identity,
    Smartcard,
}

pub(super) fn read_all<'a>(
    reader: &mut Reader<'a>,
    holder: Holder,
) -> Result<Vec<Constraint<'a>>, Malformed> {
    let mut constraints: Vec<Constraint<'a>> = Vec::new();
    while !reader.is_empty() {
        let twice = reader.expected(KNOWN);
        let constraint = Constraint::read(reader, holder)?;
        if constraints
            .iter()
            .any(|earlier| discriminant(earlier) == discriminant(&constraint))
        {
            return Err(twice);
        }
        constraints.push(constraint);
    }
    Ok(constraints)
}

pub(super) fn write_all(constraints: Option<&[Constraint<'_>]>, writer: &mut Writer) {
    for constraint in constraints.unwrap_or_default() {
        constraint.write(writer);
    }
}

impl<'a> Constraint<'a> {
    fn read(reader: &mut Reader<'a>, holder: Holder) -> Result<Self, Malformed> {
        let unknown = reader.expected(KNOWN);
        match reader.u8(KNOWN)? {
            LIFETIME => Ok(Self::Lifetime(reader.u32("a lifetime in seconds")?)),
            CONFIRM => Ok(Self::Confirm),
            MAX_SIGNATURES => Ok(Self::MaxSignatures(reader.u32("a number of signatures")?)),
            EXTENSION => match (reader.name("a constraint's name")?, holder) {
                (SK_PROVIDER, Holder::Identity) => {
                    Ok(Self::SkProvider(reader.text("a provider's path")?))
                }
                (RESTRICT_DESTINATION, _) => Ok(Self::RestrictDestination(reader.nested_list(
                    "a list of at most 1024 destinations",
                    MAX_CONSTRAINTS,
                    DestinationConstraint::read,
                )?)),
                (ASSOCIATED_CERTS, Holder::Smartcard) => Ok(Self::AssociatedCerts {
                    certs_only: reader.bool("0 or 1 for certificates only")?,
                    certs: reader.nested_list(
                        "a list of at most 1024 certificates",
                        MAX_CONSTRAINTS,
                        |inside| Ok(inside.nested("a certificate", PublicKey::read)?.0),
                    )?,
                }),
                _ => Err(unknown),
            },
            _ => Err(unknown),
        }
    }

    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Lifetime(seconds) => writer.u8(LIFETIME).u32(*seconds),
            Self::Confirm => writer.u8(CONFIRM),
            Self::MaxSignatures(count) => writer.u8(MAX_SIGNATURES).u32(*count),
            Self::SkProvider(path) => writer.u8(EXTENSION).string(SK_PROVIDER).string(path),
            Self::RestrictDestination(destinations) => writer
                .u8(EXTENSION)
                .string(RESTRICT_DESTINATION)
                .nested(|list| {
                    for destination in destinations {
                        destination.write(list);
                    }
                }),
            Self::AssociatedCerts { certs_only, certs } => writer
                .u8(EXTENSION)
                .string(ASSOCIATED_CERTS)
                .bool(*certs_only)
                .nested_strings(certs),
        };
    }
}

impl<'a> DestinationConstraint<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let wrong = reader.expected("hops that name a host by its keys");
        let (_, constraint) = reader.nested("a destination", |inside| {
            let (_, from) = inside.nested("the hop's start", Hop::read)?;
            let (_, to) = inside.nested("the hop's end", Hop::read)?;
            read_no_extensions(inside)?;
            Ok(Self { from, to })
        })?;
        if constraint.is_consistent() {
            Ok(constraint)
        } else {
            Err(wrong)
        }
    }

    /// ssh-agent's own check.
    fn is_consistent(&self) -> bool {
        let Self { from, to } = self;
        from.user.is_empty()
            && from.hostname.is_empty() == from.keys.is_empty()
            && !to.hostname.is_empty()
            && !to.keys.is_empty()
    }

    fn write(&self, writer: &mut Writer) {
        writer.nested(|inside| {
            inside
                .nested(|hop| self.from.write(hop))
                .nested(|hop| self.to.write(hop))
                .string([]);
        });
    }
}

impl<'a> Hop<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let user = reader.text("a user")?;
        let hostname = reader.text("a host name")?;
        read_no_extensions(reader)?;
        let mut keys = Vec::new();
        while !reader.is_empty() {
            let (key, _) = reader.nested("a host's key", PublicKey::read)?;
            keys.push(HopKey {
                key,
                is_ca: reader.bool("0 or 1 for a CA")?,
            });
        }
        Ok(Self {
            user,
            hostname,
            keys,
        })
    }

    fn write(&self, writer: &mut Writer) {
        writer.string(self.user).string(self.hostname).string([]);
        for HopKey { key, is_ca } in &self.keys {
            writer.string(key).bool(*is_ca);
        }
    }
}

fn read_no_extensions(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    reader.constant("", "an empty string of extensions")
}
