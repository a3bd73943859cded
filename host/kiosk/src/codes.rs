//! The host's scan codes: its key, the addresses under which it is reached, and what codes say.

use crate::config::HostConfig;
use crate::folder::Folder;
use crate::host::HostError;
use crate::problem::Problem;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use youji_api::ProgramId;
use youji_package::{Channel, Issuer, Manifest, Origin, ScanCode, ScanError, ScanKey, ScanKeys, Verifier};

const FILE: &str = "scan-keys.json";

/// Issues and verifies.
pub(crate) struct Codes {
    issuer: Issuer,
    verifier: Verifier,
    url: String,
}

impl Codes {
    /// With the key of the data folder, made at the first start.
    pub(crate) fn open(folder: &Folder, config: &HostConfig) -> Result<Codes, HostError> {
        let part = |reason: String| HostError::Part {
            part: "scan codes",
            reason,
        };
        let keys = match folder.read(FILE)? {
            Some(text) => ScanKeys::load(&text).map_err(|error| part(format!("{FILE}: {error}")))?,
            None => {
                let keys = ScanKeys::new(ScanKey::generate(0).map_err(|error| part(error.to_string()))?);
                folder.write(FILE, &keys.save())?;
                keys
            }
        };
        let url = public_url(config)?;
        let mut origins = Vec::new();
        let mut urls = vec![url.clone()];
        urls.extend(local_authorities(config).into_iter().map(|authority| format!("http://{authority}")));
        for url in urls {
            // An IPv6 literal has no place in QR's alphanumeric set; such an address is only never printed.
            if let Ok(origin) = url.parse::<Origin>()
                && !origins.contains(&origin)
            {
                origins.push(origin);
            }
        }
        let origin = url.parse::<Origin>().map_err(|error| HostError::Listen {
            address: url.clone(),
            reason: error.to_string(),
            remedy: "Give an address such as https://kiosk.example with --public-url".to_owned(),
        })?;
        Ok(Codes {
            issuer: Issuer {
                origin,
                key: keys.newest().clone(),
            },
            verifier: Verifier {
                origins,
                keys,
                kiosk: None,
            },
            url,
        })
    }

    /// Where codes lead, without a slash at the end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Whether an address such as "https://kiosk.example" leads here.
    pub(crate) fn is_ours(&self, url: &str) -> bool {
        url.parse::<Origin>().is_ok_and(|origin| self.verifier.origins.contains(&origin))
    }

    /// Reads a code; `now_ms` since 1970.
    pub(crate) fn verify(&self, text: &str, now_ms: u64) -> Result<ScanCode, ScanError> {
        self.verifier.verify(text, now_ms / 1_000)
    }

    /// The text that opens that page.
    pub(crate) fn issue(&self, manifest: &Manifest, page: &str, scene: &str, channel: Channel) -> Result<String, Problem> {
        let page = if page.is_empty() { manifest.home() } else { page };
        let index = manifest.page_index(page).filter(|_| manifest.is_entry(page)).ok_or_else(|| {
            Problem::new(
                400,
                "no-such-entry",
                "No such page",
                format!("{} has no page \"{page}\" that can be opened from outside", manifest.app_id),
                format!("Use one of: {}.", manifest.entries.join(", ")),
            )
        })?;
        self.text(&ScanCode {
            page: index,
            scene: scene.to_owned(),
            trial: channel == Channel::Trial,
            ..ScanCode::home(&manifest.app_id)
        })
    }

    /// The text that opens the home page of a program whose pages are not known here yet.
    pub(crate) fn ahead(&self, program: &ProgramId, scene: &str) -> Result<String, Problem> {
        self.text(&ScanCode {
            scene: scene.to_owned(),
            ..ScanCode::home(program)
        })
    }

    fn text(&self, code: &ScanCode) -> Result<String, Problem> {
        self.issuer.issue(code).map_err(|error| {
            Problem::new(
                400,
                error.code(),
                "No code can be made",
                error.to_string(),
                "Use a shorter scene or address.",
            )
        })
    }
}

/// Host and port under which this machine reaches the kiosk.
pub(crate) fn local_authorities(config: &HostConfig) -> Vec<String> {
    let port = config.address.port();
    let mut all: Vec<String> = ["localhost", "127.0.0.1", "[::1]"]
        .iter()
        .map(|name| authority(name, port))
        .collect();
    let ip = config.address.ip();
    if !ip.is_unspecified() && !ip.is_loopback() {
        all.push(authority(&bracketed(ip), port));
    }
    if config.lan
        && let Some(ip) = lan_address()
    {
        all.push(authority(&bracketed(ip), port));
    }
    all
}

/// "host:port" as browsers send it: port 80 is left out.
pub(crate) fn authority(name: &str, port: u16) -> String {
    if port == 80 { name.to_owned() } else { format!("{name}:{port}") }
}

fn bracketed(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

fn public_url(config: &HostConfig) -> Result<String, HostError> {
    if let Some(url) = &config.public_url {
        return Ok(url.trim_end_matches('/').to_owned());
    }
    let port = config.address.port();
    if !config.lan {
        return Ok(format!("http://{}", authority("localhost", port)));
    }
    let ip = lan_address().ok_or_else(|| HostError::Listen {
        address: config.address.to_string(),
        reason: "this machine has no address on a network".to_owned(),
        remedy: "Connect it to one, name the address with --public-url http://ADDRESS:PORT, or leave --lan out".to_owned(),
    })?;
    Ok(format!("http://{}", authority(&bracketed(ip), port)))
}

/// This machine's address as others on its network see it. Asks the routing table; no packet is sent.
pub fn lan_address() -> Option<IpAddr> {
    ["192.0.2.1", "192.168.1.1", "10.0.0.1", "172.16.0.1"].iter().find_map(|target| {
        let socket = UdpSocket::bind(("0.0.0.0", 0)).ok()?;
        socket.connect((*target, 9)).ok()?;
        let ip = socket.local_addr().as_ref().map(SocketAddr::ip).ok()?;
        (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
    })
}
