-- The rows on which each observation rests: from a figure to the file and the row.

with

links as (
    select * from {{ ref('int_record_links') }}
),

versions as (
    select * from {{ ref('int_record_versions') }}
),

observations as (
    select * from {{ ref('indicator_observations') }}
),

questions as (
    select
        questions.reporting_year,
        questions.plan_version,
        questions.indicator_id,
        questions.rule,
        indicators.source
    from {{ ref('int_indicator_years') }} as questions
    inner join {{ ref('stg_plan_indicators') }} as indicators
        on
            questions.plan_version = indicators.plan_version
            and questions.indicator_id = indicators.indicator_id
),

-- registers of people are named by their files, never by their rows
registers as (
    select distinct
        participations.meeting_id,
        concat(participations.meeting_id, '|', participations.delegation_kind) as group_key,
        participations.iso3,
        participants.received_on,
        participants.file_sha256,
        participants.file_name,
        participants.sheet
    from {{ ref('int_participations') }} as participations
    inner join {{ ref('stg_meeting_participants') }} as participants
        on participations.registration_id = participants.registration_id
),

register_sources as (
    select
        observations.reporting_year,
        observations.plan_version,
        observations.indicator_id,
        observations.member_kind,
        observations.member_key,
        registers.meeting_id,
        max(registers.received_on) as received_on,
        registers.file_sha256,
        registers.file_name,
        registers.sheet
    from observations
    inner join registers on observations.member_key = registers.group_key
    where observations.member_kind = 'participation_group'
    group by all
    union all
    select
        acts.reporting_year,
        acts.plan_version,
        acts.indicator_id,
        'state' as member_kind,
        acts.iso3 as member_key,
        acts.meeting_id,
        max(registers.received_on) as received_on,
        registers.file_sha256,
        registers.file_name,
        registers.sheet
    from {{ ref('int_acts_at_meetings') }} as acts
    inner join registers
        on
            acts.meeting_id = registers.meeting_id
            and acts.iso3 = registers.iso3
    -- who attended without belonging has no observation
    inner join observations
        on
            acts.reporting_year = observations.reporting_year
            and acts.plan_version = observations.plan_version
            and acts.indicator_id = observations.indicator_id
            and acts.iso3 = observations.member_key
    where acts.rule = 'attended'
    group by all
),

-- a group of people rests on its meeting too, the only row that is named for it
all_links as (
    select * from links
    union all
    select distinct
        reporting_year,
        plan_version,
        indicator_id,
        member_kind,
        member_key,
        'meetings' as dataset,
        meeting_id as record_key,
        'decides' as role
    from register_sources
    where member_kind = 'participation_group'
),

record_sources as (
    select
        links.reporting_year,
        links.plan_version,
        links.indicator_id,
        links.member_kind,
        links.member_key,
        links.dataset,
        links.record_key,
        case
            when versions.is_counting or links.role <> 'decides' then links.role
            else 'superseded'
        end as role,
        versions.received_on,
        versions.source_ref,
        versions.file_sha256,
        versions.file_name,
        versions.sheet,
        versions.row_number,
        versions.place,
        versions.delivery_seq
    from all_links as links
    inner join versions
        on
            links.dataset = versions.dataset
            and links.record_key = versions.record_key
    where versions.is_counting or links.role = 'decides'
),

found as (
    select distinct
        reporting_year,
        plan_version,
        indicator_id,
        member_kind,
        member_key
    from record_sources
    -- a meeting alone is no answer: it tells when something was said or was to be paid
    where role in ('decides', 'searched') and dataset <> 'meetings'
    union distinct
    select distinct
        reporting_year,
        plan_version,
        indicator_id,
        member_kind,
        member_key
    from register_sources
),

-- what was looked through without finding anything: the whole dataset, for this member and year
absences as (
    select
        observations.reporting_year,
        observations.plan_version,
        observations.indicator_id,
        observations.member_kind,
        observations.member_key,
        case
            when questions.rule in ('reported', 'reported_ever') then 'article7_reports'
            when questions.rule = 'case_update_reported' then 'meeting_statements'
            else questions.source
        end as dataset
    from observations
    inner join questions
        on
            observations.reporting_year = questions.reporting_year
            and observations.plan_version = questions.plan_version
            and observations.indicator_id = questions.indicator_id
    left join found
        on
            observations.reporting_year = found.reporting_year
            and observations.plan_version = found.plan_version
            and observations.indicator_id = found.indicator_id
            and observations.member_kind = found.member_kind
            and observations.member_key = found.member_key
    where found.member_key is null
),

listed as (
    select * from record_sources
    union all
    select
        reporting_year,
        plan_version,
        indicator_id,
        member_kind,
        member_key,
        'meeting_participants' as dataset,
        meeting_id as record_key,
        'decides' as role,
        received_on,
        null as source_ref,
        file_sha256,
        file_name,
        sheet,
        null as row_number,
        null as place,
        null as delivery_seq
    from register_sources
    union all
    select
        reporting_year,
        plan_version,
        indicator_id,
        member_kind,
        member_key,
        dataset,
        concat('none of ', member_key, ' in ', cast(reporting_year as {{ dbt.type_string() }})) as record_key,
        'searched' as role,
        null as received_on,
        null as source_ref,
        null as file_sha256,
        null as file_name,
        null as sheet,
        null as row_number,
        null as place,
        null as delivery_seq
    from absences
)

select
    cast(reporting_year as int) as reporting_year,
    cast(plan_version as {{ dbt.type_string() }}) as plan_version,
    cast(indicator_id as {{ dbt.type_string() }}) as indicator_id,
    cast(member_kind as {{ dbt.type_string() }}) as member_kind,
    cast(member_key as {{ dbt.type_string() }}) as member_key,
    cast(dataset as {{ dbt.type_string() }}) as dataset,
    cast(record_key as {{ dbt.type_string() }}) as record_key,
    cast(role as {{ dbt.type_string() }}) as role,
    cast(received_on as date) as received_on,
    cast(source_ref as {{ dbt.type_string() }}) as source_ref,
    cast(file_sha256 as {{ dbt.type_string() }}) as file_sha256,
    cast(file_name as {{ dbt.type_string() }}) as file_name,
    cast(sheet as {{ dbt.type_string() }}) as sheet,
    cast(row_number as bigint) as row_number,
    cast(place as {{ dbt.type_string() }}) as place,
    cast(delivery_seq as bigint) as delivery_seq
from listed
