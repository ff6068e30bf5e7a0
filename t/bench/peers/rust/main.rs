// The peer: hyper and tokio-postgres, doing what the module does with a
// webhook, as webhook.js and store.js do it.  ROWS=1: an event a call.  Above
// that, what waits while a commit is under way goes with the next, up to so
// many rows.

use std::convert::Infallible;
use std::env;
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use chrono::DateTime;
use hmac::{Hmac, Mac};
use http_body::{LengthLimitError, Limited};
use hyper::body::{to_bytes, Bytes};
use hyper::service::{make_service_fn, service_fn};
use hyper::{header, Body, Request, Response, Server, StatusCode};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot, Semaphore};
use tokio_postgres::{Client, Config, Error, NoTls, Statement};
use uuid::Uuid;

const RECORD: &str =
    "SELECT tavus.record($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
const PROOF: &str = r#"{"method":"signature","key_id":"k1"}"#;
const MAX_BODY: usize = 8 << 20;

#[derive(Deserialize)]
struct Members {
    event_type: Option<String>,
    conversation_id: Option<String>,
    timestamp: String,
}

struct Event {
    id: Uuid,
    received: SystemTime,
    members: Members,
    body: Bytes,
}

type Fate = Result<(), String>;

// UUIDv7: the event's milliseconds, then the head of SHA-256 over its identity
fn event_id(ms: i64, parts: [&str; 4]) -> Uuid {
    let mut id = [0; 16];

    id[..8].copy_from_slice(&(ms << 16).to_be_bytes());
    id[6..].copy_from_slice(&Sha256::digest(parts.join("\0"))[..10]);
    id[6] = 0x70 | id[6] & 0x0f;
    id[8] = 0x80 | id[8] & 0x3f;

    Uuid::from_bytes(id)
}

struct Connection {
    client: Client,
    record: Statement,
}

struct Pool {
    config: Config,
    idle: Mutex<Vec<Connection>>,
    permits: Semaphore,
}

impl Pool {
    async fn connect(&self) -> Result<Connection, Error> {
        let (client, connection) = self.config.connect(NoTls).await?;
        tokio::spawn(connection);
        let record = client.prepare(RECORD).await?;

        Ok(Connection { client, record })
    }

    // Returns when the events are committed: what became of each.  A
    // connection with an error is not used again.
    async fn store(&self, events: &[Event]) -> Result<Vec<Fate>, Error> {
        let _permit = self.permits.acquire().await;
        let idle = self.idle.lock().unwrap().pop();
        let connection = match idle {
            Some(c) if !c.client.is_closed() => c,
            _ => self.connect().await?,
        };

        let column = |f: fn(&Event) -> Option<&str>| {
            events.iter().map(f).collect::<Vec<_>>()
        };
        let ids: Vec<_> = events.iter().map(|e| e.id).collect();
        let received: Vec<_> = events.iter().map(|e| e.received).collect();
        let bodies: Vec<&[u8]> = events.iter().map(|e| &e.body[..]).collect();
        let none: Vec<Option<&[u8]>> = vec![None; events.len()];

        let row = connection
            .client
            .query_one(
                &connection.record,
                &[
                    &ids,
                    &received,
                    &none,
                    &vec![0i16; events.len()],
                    &column(|_| Some("tavus")),
                    &column(|e| e.members.event_type.as_deref()),
                    &column(|e| e.members.conversation_id.as_deref()),
                    &none,
                    &column(|_| Some(PROOF)),
                    &bodies,
                    &column(|_| None),
                ],
            )
            .await?;

        self.idle.lock().unwrap().push(connection);

        let fate = |mark| match mark {
            's' | 'd' | 'q' => Ok(()),
            _ => Err(format!("mark {}", mark)),
        };
        Ok(row.get::<_, &str>(0).chars().map(fate).collect())
    }

    async fn store_one(&self, event: &[Event]) -> Fate {
        match self.store(event).await {
            Ok(mut fates) => fates.remove(0),
            Err(e) => Err(e.to_string()),
        }
    }
}

type Waiting = (Event, oneshot::Sender<Fate>);
type Queue = tokio::sync::Mutex<mpsc::Receiver<Waiting>>;

// One a connection: stores what waits.
async fn gather(pool: Arc<Pool>, queue: Arc<Queue>, rows: usize) {
    loop {
        let mut events = Vec::new();
        let mut tell = Vec::new();
        {
            let mut queue = queue.lock().await;
            let mut next = queue.recv().await;

            while let Some((event, fate)) = next {
                events.push(event);
                tell.push(fate);
                next = match events.len() < rows {
                    true => queue.try_recv().ok(),
                    false => None,
                };
            }
        }

        let fates = match pool.store(&events).await {
            Ok(fates) => fates,
            // what is refused for one is not the fault of its neighbours
            Err(e) if events.len() > 1 && e.code().is_some() => {
                let mut fates = Vec::new();
                for event in events.chunks(1) {
                    fates.push(pool.store_one(event).await);
                }
                fates
            }
            Err(e) => vec![Err(e.to_string()); events.len()],
        };

        for (tell, fate) in tell.into_iter().zip(fates) {
            // who has gone is not told
            let _ = tell.send(fate);
        }
    }
}

struct App {
    key: Hmac<Sha256>,
    pool: Arc<Pool>,
    queue: Option<mpsc::Sender<Waiting>>,
}

impl App {
    async fn webhook(&self, request: Request<Body>) -> StatusCode {
        let (head, body) = request.into_parts();

        let body = match to_bytes(Limited::new(body, MAX_BODY)).await {
            Ok(body) => body,
            Err(e) if e.is::<LengthLimitError>() => {
                return StatusCode::PAYLOAD_TOO_LARGE;
            }
            Err(_) => return StatusCode::BAD_REQUEST,
        };

        let signature = head
            .headers
            .get("x-tavus-signature")
            .and_then(|value| hex::decode(value).ok())
            .unwrap_or_default();
        let mac = self.key.clone().chain_update(&body);
        // in constant time
        if mac.verify_slice(&signature).is_err() {
            return StatusCode::UNAUTHORIZED;
        }

        let members: Members = match serde_json::from_slice(&body) {
            Ok(members) => members,
            Err(_) => return StatusCode::BAD_REQUEST,
        };
        let at = match DateTime::parse_from_rfc3339(&members.timestamp) {
            Ok(at) => at,
            Err(_) => return StatusCode::BAD_REQUEST,
        };
        let id = event_id(
            at.timestamp_millis(),
            [
                "tavus",
                members.conversation_id.as_deref().unwrap_or(""),
                members.event_type.as_deref().unwrap_or(""),
                &members.timestamp,
            ],
        );
        let received = SystemTime::now();
        let event = Event { id, received, members, body };

        let fate = match &self.queue {
            None => self.pool.store_one(&[event]).await,
            Some(queue) => {
                let (tell, told) = oneshot::channel();
                let _ = queue.send((event, tell)).await;
                told.await.unwrap_or_else(|e| Err(e.to_string()))
            }
        };

        match fate {
            Ok(()) => StatusCode::OK,
            Err(e) => {
                eprintln!("{}", e);
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }
}

fn answer(status: StatusCode) -> Response<Body> {
    let (kind, body) = match status {
        StatusCode::OK => {
            ("application/json", Body::from(r#"{"received":true}"#))
        }
        _ => (
            "application/problem+json",
            Body::from(format!(
                r#"{{"title":"{}","status":{}}}"#,
                status.canonical_reason().unwrap_or(""),
                status.as_u16()
            )),
        ),
    };

    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, kind)
        .body(body)
        .unwrap()
}

fn variable<T: FromStr>(name: &str) -> T {
    env::var(name).ok().and_then(|v| v.parse().ok()).expect(name)
}

#[tokio::main]
async fn main() {
    let rows: usize = variable("ROWS");
    let connections: usize = variable("CONNECTIONS");

    // as libpq's environment says
    let mut config = Config::new();
    config
        .host(&variable::<String>("PGHOST"))
        .port(variable("PGPORT"))
        .user(&variable::<String>("PGUSER"))
        .dbname(&variable::<String>("PGDATABASE"));

    let pool = Arc::new(Pool {
        config,
        idle: Mutex::new(Vec::new()),
        permits: Semaphore::new(connections),
    });

    let queue = (rows > 1).then(|| {
        let (sender, receiver) = mpsc::channel(1024);
        let queue = Arc::new(Queue::new(receiver));

        for _ in 0..connections {
            tokio::spawn(gather(pool.clone(), queue.clone(), rows));
        }
        sender
    });

    let secret = variable::<String>("SECRET");
    let app = Arc::new(App {
        key: Hmac::new_from_slice(secret.as_bytes()).unwrap(),
        pool,
        queue,
    });

    let service = make_service_fn(|_| {
        let app = app.clone();
        async move {
            Ok::<_, Infallible>(service_fn(move |request| {
                let app = app.clone();
                async move {
                    Ok::<_, Infallible>(answer(app.webhook(request).await))
                }
            }))
        }
    });

    Server::bind(&([127, 0, 0, 1], variable("PORT")).into())
        .tcp_nodelay(true)
        .serve(service)
        .await
        .unwrap();
}
